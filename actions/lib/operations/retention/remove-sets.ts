import { keysFileName } from "../../seal/keys/session-key.ts";
import { setPrefix, type Tier, tierSchema } from "../../vault/format/manifest.ts";
import { isOfSet, isSealedPart, recoverName } from "../../vault/format/names.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import { findLeftovers, type Leftover } from "../../vault/published/leftovers.ts";
import { signatureName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Version, versionPages } from "../../vault/s3/versions.ts";
import type { PublishedSet, SetName } from "../../vault/sets/catalogue.ts";
import type { Gate } from "./gate.ts";
import type { RemovalSteps } from "./removal-loop.ts";
import { removeManifest, removeVersions } from "./remove-versions.ts";

const hour = 3_600_000;
/**
 * A run that lost its lease may publish for as long as a request lasts: what it names must still be there then. Nothing
 * younger than this goes.
 */
const leftoverHours = 24;
/** Nobody waits for it. */
const most = { sets: 5000, versions: 100_000 };

/** A folder without a manifest. */
export interface LeftFolder extends SetName {
  /** A manifest's signature lies in it. */
  readonly signed: boolean;
  /** Some of the set's data does. */
  readonly withData: boolean;
  /** When the store took the oldest object of it, ms; null: it does not say. */
  readonly storedAt: number | null;
  /** Of its objects a few, those first that are there longest. */
  readonly some: readonly Pick<Version, "key" | "versionId">[];
}

export interface Leftovers {
  /** Folders without a manifest, oldest first: of runs that died, and of sets that were removed in part. */
  readonly folders: readonly LeftFolder[];
  /** What somebody has hidden in folders without a manifest, in words for people. */
  readonly hidden: readonly string[];
}

/**
 * What was left without a manifest, a day ago or longer.
 * @param folders of the whole vault, when somebody has looked under this lease
 * @param lease keeps every backup out; null: unfinished uploads are not ended
 * @throws OperationError `lease-lost` as soon as the lease is somebody else's
 */
export async function leftoversOf(
  vault: Vault,
  lease: Pick<Lease, "assertHeld"> | null,
  now: number,
  folders?: readonly PublishedSet[],
): Promise<Leftovers> {
  const old: LeftFolder[] = [];
  const hidden: string[] = [];
  for (const tier of tierSchema.options) {
    const ofTier = folders?.filter((one) => one.tier === tier);
    const found = await findLeftovers(vault, `database/${tier}/`, lease, { most, ...(ofTier && { folders: ofTier }) });
    const published = new Set(ofTier?.filter(({ state }) => state === "hidden").map(({ set }) => set));
    hidden.push(...found.hidden.filter((set) => !published.has(set)));
    // Some stores list a folder in which nothing is left.
    const aged = found.folders.filter(
      (one) => one.versions.length > 0 && now - newestTime(one) >= leftoverHours * hour,
    );
    old.push(...aged.map((one) => describeLeft(tier, one)));
  }
  return { folders: old.sort((a, b) => (a.set < b.set ? -1 : 1)), hidden };
}

/** Of which a lock, over or not, tells that the set was published. */
const asked = [keysFileName, signatureName, recoverName] as const;

function describeLeft(tier: Tier, { set, versions }: Leftover): LeftFolder {
  const prefix = setPrefix(tier, set);
  const written = versions.filter(({ marker }) => !marker);
  const nameOf = ({ key }: Pick<Version, "key">): string => key.slice(prefix.length);
  const data = written.filter((one) => isSealedPart(nameOf(one)));
  const few = [...asked.flatMap((name) => written.find((one) => nameOf(one) === name) ?? []), ...data.slice(0, 3)];
  const times = written.flatMap(({ lastModified }) => lastModified?.getTime() ?? []);
  return {
    ...{ tier, set, signed: written.some((one) => nameOf(one) === signatureName), withData: data.length > 0 },
    storedAt: times.length === 0 ? null : times.reduce((oldest, time) => Math.min(oldest, time)),
    some: few.map(({ key, versionId }) => ({ key, versionId })),
  };
}

function newestTime({ versions }: Leftover): number {
  return Math.max(...versions.map(({ lastModified }) => lastModified?.getTime() ?? Number.POSITIVE_INFINITY));
}

/** The store's side of removal, and what it met on the way. */
export interface SetRemoval extends RemovalSteps<SetName> {
  /** Keys of objects in sets' folders that are not named as ours are. They stay. */
  readonly strangers: ReadonlySet<string>;
}

type Pages = ReturnType<typeof versionPages>;
type Page = Awaited<ReturnType<Pages["next"]>>;

/** @param now by the store's clock, ms @param leftovers as `leftoversOf` found them */
export function setRemoval(vault: Vault, gate: Gate, leftovers: readonly SetName[], now: number): SetRemoval {
  const strangers = new Set<string>();
  const begun = new Map<string, { readonly pages: Pages; ahead: Page }>();
  /** A page of what a folder holds, and whether another one comes. */
  const nextPage = async (prefix: string): Promise<{ versions: readonly Version[]; more: boolean }> => {
    const pages = begun.get(prefix)?.pages ?? versionPages(vault.transport, prefix);
    const page = begun.get(prefix)?.ahead ?? (await pages.next());
    const ahead = page.done === true ? page : await pages.next();
    begun.set(prefix, { pages, ahead });
    return { versions: page.done === true ? [] : page.value.versions, more: ahead.done !== true };
  };
  return {
    strangers,
    gate,
    leftovers: async () => leftovers,
    removeManifest: ({ tier, set }) => removeManifest(vault, setPrefix(tier, set), now),
    async removeRest({ tier, set }) {
      const prefix = setPrefix(tier, set);
      const { versions, more } = await nextPage(prefix);
      const written = new Set(versions.filter(({ marker }) => !marker).map(({ key }) => key));
      // A marker over nothing hides nothing.
      const ours = versions.filter(({ key, marker }) =>
        marker ? !written.has(key) : isOfSet(key.slice(prefix.length)),
      );
      for (const { key, marker } of versions) if (!marker && !isOfSet(key.slice(prefix.length))) strangers.add(key);
      return { ...(await removeVersions(vault, ours, now)), more };
    },
  };
}

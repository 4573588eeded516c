import { mapBounded } from "../../base/flow/bounded.ts";
import type { Subject } from "../../policy/retention.ts";
import type { Announcement } from "../../policy/terms.ts";
import { timeOfSet } from "../../vault/format/manifest.ts";
import { describeInOrder } from "../../vault/published/set-folders.ts";
import { believed, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { readAsWritten } from "../../vault/s3/versions.ts";
import { type PublishedSet, readSet } from "../../vault/sets/catalogue.ts";

/** What a set's signed manifest has told. */
interface ReadManifest {
  readonly at: number;
  readonly finishedAt: number;
  readonly terms: Announcement["terms"];
  readonly readBack: boolean;
  readonly marked: boolean;
}

/**
 * Reads manifests, each once, and keeps of them what the plan has to know: of five thousand sets that is a few hundred bytes
 * each. What nobody asked for is not read; then the name says when it was made, and nothing says that it is good.
 */
export interface SetReader {
  /** Two dozen at once, and no more than a few dozen in memory. @throws OperationError `s3-unavailable` */
  read(some: readonly PublishedSet[]): Promise<void>;
  /** A pinned key has signed its manifest for this place. */
  isTrusted(one: PublishedSet): boolean;
  /** It counts as verified: its run read every part again, and no incident was on. */
  isVerified(one: PublishedSet): boolean;
  /** What is known of it by now. */
  subject(one: PublishedSet): Subject;
  announcements(): Announcement[];
}

/** @param provenAt by `<tier>/<set>`, when the newest restore test that it passed ended */
export function openSetReader(vault: Vault, verify: VerifySignature, provenAt: ReadonlyMap<string, number>): SetReader {
  /** Null: there is none that can be trusted. */
  const known = new Map<string, ReadManifest | null>();
  const of = (one: PublishedSet): ReadManifest | null | undefined => known.get(nameOfSet(one));
  const readOne = async (one: PublishedSet): Promise<void> => {
    const { tier, set, signed } = one;
    const found = await believed(async () => (await readSet(vault, tier, set, verify, signed)).manifest);
    if (found === undefined || "problem" in found) return void known.set(nameOfSet(one), null);
    const { snapshotAt, finishedAt, policy, readBack = false, incident } = found.document;
    known.set(nameOfSet(one), {
      ...{ at: Date.parse(snapshotAt), finishedAt: Date.parse(finishedAt), terms: policy?.terms ?? null },
      ...{ readBack, marked: incident !== undefined },
    });
  };
  /** Of manifests that somebody has hidden or written over: what lies below bears its signature still. */
  const below = new Map<string, Announcement | null>();
  const readBelow = async (one: PublishedSet): Promise<void> => {
    const { tier, set } = one;
    const found = await believed(async () => (await readSet(readAsWritten(vault), tier, set, verify, true)).manifest);
    const manifest = found !== undefined && "document" in found ? found.document : undefined;
    below.set(
      nameOfSet(one),
      manifest === undefined ? null : { at: Date.parse(manifest.finishedAt), terms: manifest.policy?.terms ?? null },
    );
  };
  return {
    async read(some) {
      const unread = some.filter((one) => one.state === "there" && of(one) === undefined);
      for await (const _ of describeInOrder(unread, () => 32, readOne));
      const covered = some.filter((one) => (one.state === "hidden" || one.replaced) && !below.has(nameOfSet(one)));
      await mapBounded(covered, 8, readBelow);
    },
    isTrusted: (one) => (of(one) ?? null) !== null,
    isVerified(one) {
      const read = of(one);
      return read?.readBack === true && !read.marked;
    },
    subject(one) {
      const read = of(one);
      const refused = read === null || !one.signed;
      return {
        ...{ set: one.set, tier: one.tier, at: read?.at ?? timeOfSet(one.set) },
        state: one.state === "hidden" ? "hidden" : refused ? "refused" : "trusted",
        verified: read?.readBack ?? false,
        provenAt: provenAt.get(nameOfSet(one)) ?? null,
        marked: read?.marked ?? false,
        storedAt: one.storedAt?.getTime() ?? null,
        ...{ paidUntil: null, lockedUntil: null },
      };
    },
    announcements: () => [
      ...[...known.values()].flatMap((one) => (one === null ? [] : [{ at: one.finishedAt, terms: one.terms }])),
      ...[...below.values()].flatMap((one) => one ?? []),
    ],
  };
}

/** `<tier>/<set>`: the same id may lie in two tiers, where somebody has copied it. */
export function nameOfSet({ tier, set }: Pick<PublishedSet, "tier" | "set">): string {
  return `${tier}/${set}`;
}

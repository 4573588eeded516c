import { ConfigurationError } from "../../base/errors.ts";
import { type Manifest, manifestSchema, setFormat, setPrefix, type Tier, tierSchema } from "../format/manifest.ts";
import {
  hiddenProblem,
  type LatestOptions,
  type Publication,
  publications,
  resolvePublished,
} from "../published/publications.ts";
import { describeFirst } from "../published/set-folders.ts";
import {
  believed,
  manifestName,
  type PublishOptions,
  parseDocument,
  publishManifest,
  readPublished,
  type Stored,
  type Untrusted,
  type VerifySignature,
} from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";

/** A manifest of 10,000 parts has about 1 MB: this is for sets of two terabytes in parts of 16 MiB. A larger one is refused unread. */
export const maxManifestBytes = 16 * 1024 * 1024;

const list = "lifeboat list";

export interface SetName {
  readonly tier: Tier;
  readonly set: string;
}

/** A folder that is named like a set, and what became of its manifest: of a published set it is there, or hidden. */
export type PublishedSet = SetName & Publication;

/** A set as its manifest describes it. */
export type StoredSet = Stored<Manifest>;

/** One set of the catalogue. What its manifest says is null when that can't be read; `problem` then says why. */
export interface ListedSet extends SetName {
  /** ISO 8601, UTC. */
  readonly snapshotAt: string | null;
  readonly counts: Manifest["counts"] | null;
  /** Bytes of the set's artifacts in the vault, decimal digits. */
  readonly storedBytes: string | null;
  readonly signature: "verified" | "refused" | "unchecked" | "hidden";
  /** Id of the incident that was on while it was made: it is never the newest good one. */
  readonly incident: string | null;
  readonly problem: string | null;
}

/** The bytes that are signed and stored. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`);
}

/** Makes a set exist. @param bytes what `encodeManifest` gave @throws as `publishManifest` */
export function publishSet(
  vault: Vault,
  { tier, set }: SetName,
  bytes: Uint8Array,
  signature: string,
  options: PublishOptions,
): Promise<void> {
  return publishManifest(vault, setPrefix(tier, set), bytes, signature, options);
}

/** @throws what `untrusted` makes when the bytes are not a manifest of this format, or contradict themselves */
export function parseManifest(bytes: Uint8Array, untrusted: Untrusted): Manifest {
  const manifest = parseDocument(bytes, manifestSchema, setFormat, untrusted);
  for (const segment of manifest.artifacts.flatMap(({ segments }) => segments)) {
    const sum = segment.parts.reduce((bytes, part) => bytes + part.bytes, 0);
    if (sum !== segment.bytes || segment.key.split("/").includes(".."))
      throw untrusted(`its entry ${segment.key} is impossible`);
  }
  return manifest;
}

/** Reads and checks a manifest. @throws as `readPublished` */
export function readSet(
  vault: Vault,
  tier: Tier,
  set: string,
  verify: VerifySignature,
  signed?: boolean,
): Promise<StoredSet> {
  const parse = (bytes: Uint8Array, untrusted: Untrusted): Manifest => {
    const manifest = parseManifest(bytes, untrusted);
    if (manifest.set === set && manifest.tier === tier) return manifest;
    throw untrusted(
      `it is the manifest of ${manifest.set} (${manifest.tier}), correctly signed but put here by somebody`,
    );
  };
  const place = { prefix: setPrefix(tier, set), name: `set ${set} (${tier})`, unknown: "set-unknown" } as const;
  return readPublished(vault, { ...place, list, maxBytes: maxManifestBytes, parse }, verify, signed);
}

/**
 * The sets of the vault, newest first: those with a manifest, hidden ones included. Foreign objects are passed over.
 * @param options.verify checks signatures; without it they are `unchecked`
 * @param options.newest how many at most; default: all
 * @param options.read of how many, the newest, the manifest is read; of older ones id and tier are told, `unchecked`. Default: all
 */
export async function listSets(vault: Vault, options: ListOptions = {}): Promise<ListedSet[]> {
  const { tier, verify, newest = Number.POSITIVE_INFINITY, read = Number.POSITIVE_INFINITY } = options;
  let begun = 0;
  return describeFirst(publishedSets(vault, tier), newest, async (published) =>
    begun++ < read ? describe(vault, published, verify) : unread(published),
  );
}

interface ListOptions {
  readonly tier?: Tier | undefined;
  readonly verify?: VerifySignature | undefined;
  readonly newest?: number | undefined;
  readonly read?: number | undefined;
}

/** Finds a set by its id, or the newest good one (of a tier). @throws as `resolvePublished` */
export async function resolveSet(
  vault: Vault,
  wanted: string,
  options: { readonly tier?: Tier | undefined } & LatestOptions = {},
): Promise<SetName> {
  const where = `bucket ${vault.bucket}${options.tier ? `, tier ${options.tier}` : ""}`;
  const tiers = tiersByPrefix(options.tier);
  const { verify, passedOver } = options;
  const isMarked =
    verify &&
    (async (found: Publication & { readonly prefix: string }): Promise<boolean> => {
      const tier = tiers.get(found.prefix) as Tier;
      const read = await believed(() => readSet(vault, tier, found.set, verify, found.signed));
      return read !== undefined && "document" in read && read.document.manifest.incident !== undefined;
    });
  const kind = { name: "set", where, list, isMarked, passedOver } as const;
  const { prefix, set } = await resolvePublished(vault, wanted, [...tiers.keys()], kind);
  return { tier: tiers.get(prefix) as Tier, set };
}

function tiersByPrefix(among: Tier | undefined): Map<string, Tier> {
  return new Map((among ? [among] : tierSchema.options).map((tier) => [tierPrefix(tier), tier]));
}

const tierPrefix = (tier: Tier): string => `database/${tier}/`;

/**
 * Every set with a manifest, newest first, hidden ones included, read as far as it is asked for: for those who read sets one
 * after the other until they have what they look for. What their manifests say is for `readSet` to tell.
 */
export async function* publishedSets(
  vault: Vault,
  among?: Tier | undefined,
): AsyncGenerator<PublishedSet, void, undefined> {
  for await (const folder of setFolders(vault, among)) if (folder.state !== "none") yield folder;
}

/** The same of every folder that is named like a set, those without a manifest included. */
export async function* setFolders(
  vault: Vault,
  among?: Tier | undefined,
): AsyncGenerator<PublishedSet, void, undefined> {
  const tiers = tiersByPrefix(among);
  for await (const { prefix, ...published } of publications(vault.transport, [...tiers.keys()]))
    yield { tier: tiers.get(prefix) as Tier, ...published };
}

/** What the store's list tells of it. */
function unread({ tier, set, state }: PublishedSet): ListedSet {
  const unknown = { snapshotAt: null, counts: null, storedBytes: null, incident: null };
  const problem = state === "hidden" ? "it is hidden by a delete marker that Lifeboat did not write" : null;
  return { tier, set, ...unknown, signature: state === "hidden" ? "hidden" : "unchecked", problem };
}

async function describe(
  vault: Vault,
  { tier, set, state, marker, signed }: PublishedSet,
  verify: VerifySignature | undefined,
): Promise<ListedSet | undefined> {
  const unknown = { tier, set, snapshotAt: null, counts: null, storedBytes: null, incident: null };
  if (state === "hidden")
    return {
      ...unknown,
      signature: "hidden",
      problem: hiddenProblem(vault, { prefix: tierPrefix(tier), set, marker }),
    };
  const read = await believed(async () =>
    verify ? (await readSet(vault, tier, set, verify, signed)).manifest : await readUnchecked(vault, tier, set),
  );
  if (read === undefined) return undefined;
  if ("problem" in read) return { ...unknown, signature: "refused", problem: read.problem };
  const { snapshotAt, counts, incident = null } = read.document;
  const signature = verify ? "verified" : "unchecked";
  return { tier, set, snapshotAt, counts, storedBytes: counts.storedBytes, signature, incident, problem: null };
}

async function readUnchecked(vault: Vault, tier: Tier, set: string): Promise<Manifest> {
  const { body } = await vault.get(setPrefix(tier, set) + manifestName, { maxBytes: maxManifestBytes });
  const untrusted = (why: string) => new ConfigurationError("manifest-untrusted", `The manifest of set ${set}: ${why}`);
  return parseManifest(body, untrusted);
}

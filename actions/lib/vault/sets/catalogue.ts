import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { type Manifest, setIdPattern, setPrefix, type Tier, tierSchema } from "../format/manifest.ts";
import { hiddenError, type Publication, publicationOf, publications, showAgain } from "../published/publications.ts";
import { describeFirst } from "../published/set-folders.ts";
import { manifestName, type VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { isMissing } from "../s3/store-errors.ts";
import { maxManifestBytes, parseManifest, readSet } from "./set-store.ts";

/** One set of the catalogue. What its manifest says is null when that can't be read; `problem` then says why. */
export interface ListedSet {
  readonly set: string;
  readonly tier: Tier;
  /** ISO 8601, UTC. */
  readonly snapshotAt: string | null;
  readonly counts: Manifest["counts"] | null;
  /** Bytes of the set's artifacts in the vault, decimal digits. */
  readonly storedBytes: string | null;
  readonly signature: "verified" | "refused" | "unchecked" | "hidden";
  readonly problem: string | null;
}

export interface SetName {
  readonly tier: Tier;
  readonly set: string;
}

/** A folder that is named like a set, and what became of its manifest: of a published set it is there, or hidden. */
export type PublishedSet = SetName & Publication;

/**
 * The sets of the vault, newest first: those with a manifest, hidden ones included. Foreign objects are passed over.
 * @param options.verify checks signatures; without it they are `unchecked`
 * @param options.newest how many at most; all unless told
 */
export async function listSets(
  vault: Vault,
  options: { tier?: Tier | undefined; verify?: VerifySignature | undefined; newest?: number | undefined } = {},
): Promise<ListedSet[]> {
  const { tier, verify, newest = Number.POSITIVE_INFINITY } = options;
  return describeFirst(publishedSets(vault, tier), newest, (published) => describe(vault, published, verify));
}

/**
 * Finds a set by its id, or the newest (of a tier). That it can be trusted is for `readSet` to say: a newest set with a
 * foreign signature, or a hidden one, is to be refused loudly, not passed over.
 * @throws ConfigurationError `set-unknown`, `set-id`, `set-hidden`
 */
export async function resolveSet(
  vault: Vault,
  wanted: string,
  options: { tier?: Tier | undefined } = {},
): Promise<SetName> {
  const where = `bucket ${vault.bucket}${options.tier ? `, tier ${options.tier}` : ""}`;
  if (wanted !== "latest" && !setIdPattern.test(wanted))
    throw new ConfigurationError(
      "set-id",
      "A set is named `latest` or like 20261122T221500Z-1a2b3c4d",
      "See `lifeboat list` for the names.",
    );
  for await (const { tier, set, state, marker } of candidates(vault, wanted, options.tier)) {
    if (state === "there") return { tier, set };
    throw hiddenError(vault, { prefix: tierPrefix(tier), set, marker }, wanted);
  }
  throw new ConfigurationError(
    "set-unknown",
    wanted === "latest" ? `There is no set yet in ${where}` : `There is no set ${wanted} in ${where}`,
    "See `lifeboat list`.",
  );
}

async function* candidates(
  vault: Vault,
  wanted: string,
  among: Tier | undefined,
): AsyncGenerator<PublishedSet, void, undefined> {
  if (wanted === "latest") return yield* publishedSets(vault, among);
  for (const tier of tiersOf(among)) {
    const found = await publicationOf(vault.transport, tierPrefix(tier), wanted);
    if (found.state !== "none") yield { tier, ...found };
  }
}

const tiersOf = (tier: Tier | undefined): readonly Tier[] => (tier ? [tier] : tierSchema.options);

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
  const tiers = new Map(tiersOf(among).map((tier) => [tierPrefix(tier), tier]));
  for await (const { prefix, ...published } of publications(vault.transport, [...tiers.keys()])) {
    const tier = tiers.get(prefix);
    if (tier !== undefined) yield { tier, ...published };
  }
}

async function describe(
  vault: Vault,
  { tier, set, state, marker, signed }: PublishedSet,
  verify: VerifySignature | undefined,
): Promise<ListedSet | undefined> {
  const unknown = { tier, set, snapshotAt: null, counts: null, storedBytes: null };
  if (state === "hidden") {
    const command = showAgain(vault, { prefix: tierPrefix(tier), set, marker });
    const problem = `it is hidden by a delete marker that Lifeboat did not write; ${command} shows it again`;
    return { ...unknown, signature: "hidden", problem };
  }
  try {
    const manifest = verify
      ? (await readSet(vault, tier, set, verify, signed)).manifest
      : await readUnchecked(vault, tier, set);
    const { snapshotAt, counts } = manifest;
    const signature = verify ? "verified" : "unchecked";
    return { tier, set, snapshotAt, counts, storedBytes: counts.storedBytes, signature, problem: null };
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof LifeboatError) {
      if (error.code === "set-unknown") return undefined;
      if (error.code === "manifest-untrusted") return { ...unknown, signature: "refused", problem: error.message };
    }
    throw error;
  }
}

async function readUnchecked(vault: Vault, tier: Tier, set: string): Promise<Manifest> {
  const { body } = await vault.get(setPrefix(tier, set) + manifestName, { maxBytes: maxManifestBytes });
  const untrusted = (why: string) => new ConfigurationError("manifest-untrusted", `The manifest of set ${set}: ${why}`);
  return parseManifest(body, untrusted);
}

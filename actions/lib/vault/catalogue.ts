import { ConfigurationError, LifeboatError } from "../runtime/errors.ts";
import type { Vault } from "./client.ts";
import { type Manifest, setIdPattern, setPrefix, type Tier, tierSchema } from "./manifest.ts";
import { describeFirst, setIdsBelow } from "./set-folders.ts";
import { parseManifest, readSet } from "./set-store.ts";
import { manifestName, type VerifySignature } from "./signed-manifest.ts";
import { isMissing } from "./store-errors.ts";

/** One set of the catalogue. What its manifest says is null when that can't be read; `problem` then says why. */
export interface ListedSet {
  readonly set: string;
  readonly tier: Tier;
  /** ISO 8601, UTC. */
  readonly snapshotAt: string | null;
  readonly counts: Manifest["counts"] | null;
  /** Bytes of the set's artifacts in the vault, decimal digits. */
  readonly storedBytes: string | null;
  readonly signature: "verified" | "refused" | "unchecked";
  readonly problem: string | null;
}

export interface SetName {
  readonly tier: Tier;
  readonly set: string;
}

/**
 * The sets of the vault, newest first: those with a manifest. Foreign objects are passed over.
 * @param options.verify checks signatures; without it they are `unchecked`
 * @param options.newest how many at most; all unless told
 */
export async function listSets(
  vault: Vault,
  options: { tier?: Tier | undefined; verify?: VerifySignature | undefined; newest?: number | undefined } = {},
): Promise<ListedSet[]> {
  const { tier, verify, newest = Number.POSITIVE_INFINITY } = options;
  return describeFirst(await setFolders(vault, tier), newest, (name) => describe(vault, name, verify));
}

/**
 * Finds a set by its id, or the newest (of a tier). That it can be trusted is for `readSet` to say: a newest set with a
 * foreign signature is to be refused loudly, not passed over.
 * @throws ConfigurationError `set-unknown`, `set-id`
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
  const candidates =
    wanted === "latest"
      ? await setFolders(vault, options.tier)
      : tiersOf(options.tier).map((tier) => ({ tier, set: wanted }));
  for (const { tier, set } of candidates)
    if (await vault.head(setPrefix(tier, set) + manifestName)) return { tier, set };
  throw new ConfigurationError(
    "set-unknown",
    wanted === "latest" ? `There is no set yet in ${where}` : `There is no set ${wanted} in ${where}`,
    "See `lifeboat list`.",
  );
}

const tiersOf = (tier: Tier | undefined): readonly Tier[] => (tier ? [tier] : tierSchema.options);

/**
 * Everything named like a set, newest first, whether it has a manifest or not: for those who read sets one after the other
 * until they have what they look for (see `setIdsBelow`).
 */
export async function setFolders(vault: Vault, tier?: Tier | undefined): Promise<SetName[]> {
  const names: SetName[] = [];
  for (const each of tiersOf(tier))
    names.push(...(await setIdsBelow(vault, `database/${each}/`)).map((set) => ({ tier: each, set })));
  return names.sort((a, b) => (a.set < b.set ? 1 : a.set > b.set ? -1 : 0));
}

async function describe(
  vault: Vault,
  name: SetName,
  verify: VerifySignature | undefined,
): Promise<ListedSet | undefined> {
  const { tier, set } = name;
  const unknown = { tier, set, snapshotAt: null, counts: null, storedBytes: null };
  try {
    const manifest = verify ? (await readSet(vault, tier, set, verify)).manifest : await readUnchecked(vault, name);
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

async function readUnchecked(vault: Vault, { tier, set }: SetName): Promise<Manifest> {
  const { body } = await vault.get(setPrefix(tier, set) + manifestName);
  const untrusted = (why: string) => new ConfigurationError("manifest-untrusted", `The manifest of set ${set}: ${why}`);
  return parseManifest(body, untrusted);
}

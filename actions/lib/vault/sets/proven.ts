import { createHash } from "node:crypto";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { setPrefix, type Tier } from "../format/manifest.ts";
import type { Proof } from "../format/proof.ts";
import { manifestName, type VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { isMissing } from "../s3/store-errors.ts";
import { readProofs } from "./proof-store.ts";
import { maxManifestBytes } from "./set-store.ts";

/** A set of the vault that a restore test has passed, and is still the set that the test was about. */
export interface ProvenSet {
  readonly tier: Tier;
  readonly set: string;
  /** ISO 8601, UTC: the age of the data. */
  readonly snapshotAt: string;
  /** ISO 8601, UTC: when the newest of its tests ended. */
  readonly provenAt: string;
  /** Of that test. */
  readonly proof: Proof;
}

/**
 * The proven sets that the vault has, newest data first. A proof counts only while its set is there and its manifest has the very
 * bytes that were tested.
 * @param verify checks signatures against the provers' keys
 */
export async function provenSets(vault: Vault, verify: VerifySignature): Promise<ProvenSet[]> {
  const { proofs } = await readProofs(vault, verify);
  const newest = new Map<string, Proof>();
  for (const { proof } of proofs) {
    if (proof.outcome === "proven") newest.set(`${proof.tier}/${proof.set}`, proof);
  }
  const found = await mapBounded([...newest.values()], 8, (proof) => stillThere(vault, proof));
  return found
    .filter((one) => one !== undefined)
    .sort((a, b) => (a.snapshotAt < b.snapshotAt ? 1 : a.snapshotAt > b.snapshotAt ? -1 : 0));
}

/** SHA-256 of the manifest as it is stored, in hex; undefined when the set is not there. */
export async function manifestHash(vault: Vault, tier: Tier, set: string): Promise<string | undefined> {
  try {
    const { body } = await vault.get(setPrefix(tier, set) + manifestName, { maxBytes: maxManifestBytes });
    return createHash("sha256").update(body).digest("hex");
  } catch (error) {
    if (isMissing(error)) return undefined;
    // Ours is none so large: it was replaced.
    if (error instanceof LifeboatError && error.code === "s3-too-large") return undefined;
    throw error;
  }
}

async function stillThere(vault: Vault, proof: Proof): Promise<ProvenSet | undefined> {
  const { tier, set, snapshotAt, finishedAt } = proof;
  if ((await manifestHash(vault, tier, set)) !== proof.manifestSha256) return undefined;
  return { tier, set, snapshotAt, provenAt: finishedAt, proof };
}

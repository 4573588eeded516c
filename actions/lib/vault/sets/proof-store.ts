import { createHash } from "node:crypto";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { isMissing } from "../../s3/store-errors.ts";
import { lockObject } from "../bucket/lock.ts";
import { manifestSchema, setPrefix, type Tier } from "../format/manifest.ts";
import { type Proof, proofPrefix, proofSchema } from "../format/proof.ts";
import {
  manifestName,
  publishSigned,
  type Refused,
  readAllSigned,
  type SignedBy,
  type VerifySignature,
} from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { writtenObjects } from "../s3/versions.ts";
import { maxManifestBytes } from "./catalogue.ts";

/** A proof that a trusted prover has signed, where it belongs. */
export interface StoredProof {
  readonly proof: Proof;
  readonly signedBy: SignedBy;
  readonly key: string;
}

export interface ProofList {
  /** Oldest first. */
  readonly proofs: readonly StoredProof[];
  readonly refused: readonly Refused[];
  /** How many that bear a signature were not read, because there are too many: any of them may be one of ours. */
  readonly unread: number;
}

/** The bytes that are signed and stored. */
export function encodeProof(proof: Proof): Uint8Array {
  return Buffer.from(`${JSON.stringify(proofSchema.parse(proof), null, 2)}\n`);
}

/**
 * Puts a proof into the vault: its signature first, then the proof itself; neither replaces anything, and both are read
 * back.
 * @param bytes what `encodeProof` gave and `signature` (armored) covers
 * @param until lock both until then; null: they are not locked
 * @returns the proof's key
 * @throws OperationError `proof-taken`, `stored-differs`, `lock-failed`, `s3-unavailable`
 */
export async function writeProof(
  vault: Vault,
  proof: Pick<Proof, "set" | "proof">,
  bytes: Uint8Array,
  signature: string,
  until: Date | null,
): Promise<string> {
  const key = keyOf(proof);
  await publishSigned(vault, key, bytes, signature, { kind: "proof" });
  if (until !== null) for (const one of [`${key}.sig`, key]) await lockObject(vault, one, until);
  return key;
}

/**
 * Every proof of the vault, or of one set, whose signature `verify` accepts. One that is not to be trusted is named, not
 * passed over. One that somebody hid or replaced is read as it was written: its signature makes it true all the same.
 * @param verify checks against the provers' keys (`provenBy` of vault/configured)
 */
export async function readProofs(vault: Vault, verify: VerifySignature, set?: string): Promise<ProofList> {
  const objects = await writtenObjects(vault, [set === undefined ? "proofs/" : proofPrefix(set)]);
  const { believed, refused, unread } = await readAllSigned(vault, objects, kind, verify);
  const proofs = believed.map(({ document, ...rest }) => ({ proof: document, ...rest }));
  proofs.sort((a, b) => (a.proof.proof < b.proof.proof ? -1 : a.proof.proof > b.proof.proof ? 1 : 0));
  return { proofs, refused, unread };
}

const keyOf = ({ set, proof }: Pick<Proof, "set" | "proof">): string => `${proofPrefix(set)}${proof}.json`;

const kind = {
  ...{ keyOf, maxBytes: 2 * 1024 * 1024, schema: proofSchema, format: "lifeboat-proof/1" },
  isKey: (key: string): boolean => /^proofs\/[^/]+\/[^/]+\.json$/.test(key),
};

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
  /** It was made while an incident was on: it can be restored, and is not the newest good one. */
  readonly marked: boolean;
}

/**
 * The proven sets that the vault has, newest data first. A proof counts only while its set is there and its manifest has the very
 * bytes that were tested.
 * @param verify checks signatures against the provers' keys
 * @param read the vault's proofs, when somebody has read them
 */
export async function provenSets(
  vault: Vault,
  verify: VerifySignature,
  read: Pick<ProofList, "proofs"> | undefined = undefined,
): Promise<ProvenSet[]> {
  const { proofs } = read ?? (await readProofs(vault, verify));
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
  const body = await manifestBytes(vault, tier, set);
  return body && hashOf(body);
}

function hashOf(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

async function manifestBytes(vault: Vault, tier: Tier, set: string): Promise<Uint8Array | undefined> {
  try {
    return (await vault.get(setPrefix(tier, set) + manifestName, { maxBytes: maxManifestBytes })).body;
  } catch (error) {
    if (isMissing(error)) return undefined;
    // Ours is none so large: it was replaced.
    if (error instanceof LifeboatError && error.code === "s3-too-large") return undefined;
    throw error;
  }
}

const markSchema = manifestSchema.pick({ incident: true }).loose();

async function stillThere(vault: Vault, proof: Proof): Promise<ProvenSet | undefined> {
  const { tier, set, snapshotAt, finishedAt } = proof;
  const body = await manifestBytes(vault, tier, set);
  if (body === undefined || hashOf(body) !== proof.manifestSha256) return undefined;
  // The very bytes that the prover read and believed.
  const { incident } = markSchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
  return { tier, set, snapshotAt, provenAt: finishedAt, proof, marked: incident !== undefined };
}

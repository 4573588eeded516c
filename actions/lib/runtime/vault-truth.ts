import { optional, readVault } from "../config/environment.ts";
import type { Config } from "../config/load.ts";
import { Problems } from "../config/problems.ts";
import type { VaultTruth } from "../policy/promises.ts";
import { verifyDetached } from "../seal/signature.ts";
import { type ListedSet, listSets } from "../vault/catalogue.ts";
import type { Vault } from "../vault/client.ts";
import { openVault } from "../vault/client.ts";
import { newestProven } from "../vault/proven.ts";
import type { RetryPolicy } from "../vault/retry.ts";
import type { VerifySignature } from "../vault/signed-manifest.ts";
import { listSnapshots } from "../vault/snapshot/snapshot-catalogue.ts";
import { provenBy, trustedSigners } from "./configured.ts";

/**
 * What the vault has now: its newest set with a trusted signature, the newest trusted copy of the files where S3_STORAGE_BUCKET is set, and
 * the proven set with the newest data.
 * @throws LifeboatError when the vault cannot be asked
 */
export async function readVaultTruth(config: Config<"vault">, retry: Partial<RetryPolicy> = {}): Promise<VaultTruth> {
  const signers = await trustedSigners(config);
  const verify: VerifySignature = (bytes, armored) => verifyDetached(bytes, armored, signers);
  const verifyProof = await provenBy(config);
  using vault = openVault({ ...config.vault, retry });
  const newest = await newestTrusted(vault, verify);
  const proof = (await newestProven(vault, verifyProof))?.proof;
  const proven =
    proof === undefined
      ? undefined
      : { snapshotAt: proof.snapshotAt, provenAt: proof.finishedAt, restoreSeconds: proof.restoreSeconds };
  return {
    newestSetAt: newest?.snapshotAt ?? undefined,
    newestSetBytes: bytesOf(newest),
    proven,
    newestFilesAt: await newestFiles(config, verify, retry),
  };
}

async function newestTrusted(vault: Vault, verify: VerifySignature): Promise<ListedSet | undefined> {
  // A few that are refused are passed over: what cannot be trusted is no backup.
  const sets = await listSets(vault, { verify, newest: 5 });
  return sets.find(({ signature }) => signature === "verified");
}

function bytesOf(set: ListedSet | undefined): number | undefined {
  return set?.counts === undefined || set.counts === null ? undefined : Number(set.counts.plainBytes);
}

async function newestFiles(
  { env }: Config,
  verify: VerifySignature,
  retry: Partial<RetryPolicy>,
): Promise<string | undefined | null> {
  if (optional(env, "S3_STORAGE_BUCKET") === undefined) return null;
  const problems = new Problems();
  const location = readVault(env, "S3_STORAGE_BUCKET", problems);
  problems.throwIfAny();
  if (location === undefined) return null;
  using vault = openVault({ ...location, retry });
  const snapshots = await listSnapshots(vault, verify, { newest: 5 });
  return snapshots.find(({ manifest }) => manifest !== null)?.manifest?.snapshotAt;
}

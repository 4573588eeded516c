import type { Policy } from "../../config/policy/policy.ts";
import { keysFileName, secretsFileName } from "../../seal/keys/key-wrapping.ts";
import { lockObject, lockSet, retainUntil } from "../../vault/bucket/lock.ts";
import { type Manifest, setPrefix } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { keysUntil } from "./keys-lock.ts";

/**
 * Locks a published set for as long as its tier is kept, its keys for 90 days at least. Can be repeated; what a run that died left unlocked, the next locks.
 * @returns until when; null when the policy locks nothing in this tier, or the bucket can't
 */
export async function lockPublished(
  vault: Vault,
  { tier, set, finishedAt }: Pick<Manifest, "tier" | "set" | "finishedAt">,
  policy: Policy,
  bucketLocks: boolean,
): Promise<Date | null> {
  const { lock, retentionDays } = policy.tiers[tier];
  if (lock === "none" || !bucketLocks) return null;
  const until = retainUntil(new Date(finishedAt), retentionDays);
  const prefix = setPrefix(tier, set);
  await lockSet(vault, prefix, until);
  const keys = keysUntil(new Date(finishedAt));
  for (const name of [keysFileName, secretsFileName]) {
    if (keys > until && (await vault.head(prefix + name)) !== undefined) await lockObject(vault, prefix + name, keys);
  }
  return until;
}

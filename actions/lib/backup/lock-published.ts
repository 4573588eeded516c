import type { Policy } from "../config/policy.ts";
import type { Vault } from "../vault/client.ts";
import { lockSet, retainUntil } from "../vault/lock.ts";
import { type Manifest, setPrefix } from "../vault/manifest.ts";

/**
 * Locks a published set for as long as its tier is kept. Can be repeated; what a run that died left unlocked, the next locks.
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
  await lockSet(vault, setPrefix(tier, set), until);
  return until;
}

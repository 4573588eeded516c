import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { standsBack } from "../../policy/egress.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { firstFew, trustedSets } from "../../vault/trusted.ts";

/** More than a month of sets, whatever makes them. */
const newest = 200;

/**
 * Whether the set that is due is the second of its day and would cost more than the policy's share of what Supabase lets a
 * project read: see `standsBack`. Only sets that a pinned key has signed count. When the vault can't be asked, the set is made.
 *
 * @returns why it stands back; undefined when it is to be made
 */
export async function findStandBack(
  vault: Vault,
  policy: Pick<Policy, "source" | "promises">,
  signers: readonly Signer[],
  log: Log,
): Promise<string | undefined> {
  try {
    const now = await vault.serverTime();
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    const sets = (await firstFew(trustedSets(vault, verify), newest)).map(({ snapshotAt, counts }) => ({
      snapshotAt,
      bytes: Number(counts.plainBytes),
    }));
    return standsBack(policy, sets, now);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`What this month's sets have read from Supabase can't be told: ${error.message}`);
    return undefined;
  }
}

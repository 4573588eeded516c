import { type Period, periodAround } from "../policy/period.ts";
import { LifeboatError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log.ts";
import type { Signer } from "../seal/keyring.ts";
import { verifyDetached } from "../seal/signature.ts";
import { listSets, type SetName } from "../vault/catalogue.ts";
import type { Vault } from "../vault/client.ts";
import type { Manifest, Tier } from "../vault/manifest.ts";
import { readSet } from "../vault/set-store.ts";

/**
 * The newest set of the tier whose snapshot lies in the present day, week or month, by the store's clock: what makes a
 * schedule's second attempt do nothing. Only a set that a pinned key has signed counts; any other is passed over with a
 * warning, since it must not be able to stop the backups. Undefined when there is none, and when the vault can't be asked:
 * the backup that follows looks at everything and says what is wrong.
 */
export async function findMadeInPeriod(
  vault: Vault,
  tier: Tier,
  period: Period,
  signers: readonly Signer[],
  log: Log,
): Promise<Manifest | undefined> {
  try {
    const { from, until } = periodAround(period, await vault.serverTime());
    const inPeriod = (time: string) => Date.parse(time) >= from.getTime() && Date.parse(time) < until.getTime();
    for (const { set, snapshotAt } of await listSets(vault, { tier })) {
      // What an unsigned manifest says may spare a look, never a backup.
      if (snapshotAt !== null && !inPeriod(snapshotAt)) continue;
      const manifest = await readTrusted(vault, { tier, set }, signers, log);
      if (manifest !== undefined && inPeriod(manifest.snapshotAt)) return manifest;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`Whether the ${period}'s ${tier} set is there can't be told: ${error.message}`);
    return undefined;
  }
}

async function readTrusted(
  vault: Vault,
  { tier, set }: SetName,
  signers: readonly Signer[],
  log: Log,
): Promise<Manifest | undefined> {
  try {
    return (await readSet(vault, tier, set, (bytes, armored) => verifyDetached(bytes, armored, signers))).manifest;
  } catch (error) {
    if (!(error instanceof LifeboatError) || !["manifest-untrusted", "set-unknown"].includes(error.code)) throw error;
    log.warn(`Set ${set} (${tier}) does not count as made: ${error.message}`);
    return undefined;
  }
}

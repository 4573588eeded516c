import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Period, periodAround } from "../../policy/period.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { trustedSets } from "../../vault/trusted.ts";

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
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    const passedOver = (name: string, problem: string) => log.warn(`${name} does not count as made: ${problem}`);
    for await (const manifest of trustedSets(vault, verify, { tier, passedOver })) {
      if (inPeriod(manifest.snapshotAt)) return manifest;
      if (Date.parse(manifest.snapshotAt) < from.getTime()) return undefined;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`Whether the ${period}'s ${tier} set is there can't be told: ${error.message}`);
    return undefined;
  }
}

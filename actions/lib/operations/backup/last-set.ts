import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { PublishedSet } from "../../vault/sets/catalogue.ts";
import { firstOf, trustedSets } from "../../vault/trusted.ts";

/** So many that cannot be trusted are told one by one. */
const mostTold = 20;

/**
 * The newest set of any tier whose manifest can be trusted; undefined when there is none among the newest. One that can't be
 * is passed over with a warning: it must not be able to stop, or to wave through, a backup.
 * @param among what is published, when somebody has looked under the lease that keeps other backups out
 */
export async function readLastSet(
  vault: Vault,
  signers: readonly Signer[],
  warnings: string[],
  among?: readonly PublishedSet[],
): Promise<Manifest | undefined> {
  let untrusted = 0;
  const newest = trustedSets(vault, (bytes, armored) => verifyDetached(bytes, armored, signers), {
    ...(among && { among }),
    passedOver(name, problem) {
      if (++untrusted <= mostTold) warnings.push(`${name} is not compared with: ${problem}`);
    },
  });
  const last = await firstOf(newest);
  if (untrusted > mostTold) warnings.push(`${untrusted - mostTold} more are not compared with either.`);
  return last;
}

import { LifeboatError } from "../runtime/errors.ts";
import type { Signer } from "../seal/keyring.ts";
import { verifyDetached } from "../seal/signature.ts";
import { publishedSets } from "../vault/catalogue.ts";
import type { Vault } from "../vault/client.ts";
import type { Manifest } from "../vault/manifest.ts";
import { readSet } from "../vault/set-store.ts";

/** So many in a row that cannot be trusted, and nothing is compared with. */
const mostUntrusted = 20;

/**
 * The newest set of any tier whose manifest can be trusted; undefined when there is none among the newest. One that can't be
 * is passed over with a warning: it must not be able to stop, or to wave through, a backup.
 */
export async function readLastSet(
  vault: Vault,
  signers: readonly Signer[],
  warnings: string[],
): Promise<Manifest | undefined> {
  let untrusted = 0;
  for await (const { tier, set, state } of publishedSets(vault)) {
    if (state === "hidden") continue; // the alarm is the tidy-up's
    if (untrusted === mostUntrusted) break;
    try {
      const stored = await readSet(vault, tier, set, (bytes, armored) => verifyDetached(bytes, armored, signers));
      return stored.manifest;
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      if (error.code === "set-unknown") continue;
      if (error.code !== "manifest-untrusted") throw error;
      untrusted++;
      warnings.push(`Set ${set} (${tier}) is not compared with: ${error.message}`);
    }
  }
  return undefined;
}

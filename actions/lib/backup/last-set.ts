import { LifeboatError } from "../runtime/errors.ts";
import type { Signer } from "../seal/keyring.ts";
import { verifyDetached } from "../seal/signature.ts";
import { setFolders } from "../vault/catalogue.ts";
import type { Vault } from "../vault/client.ts";
import type { Manifest } from "../vault/manifest.ts";
import { readSet } from "../vault/set-store.ts";

/**
 * The newest set of any tier whose manifest can be trusted; undefined when there is none. One that can't be is passed over
 * with a warning: it must not be able to stop, or to wave through, a backup.
 */
export async function readLastSet(
  vault: Vault,
  signers: readonly Signer[],
  warnings: string[],
): Promise<Manifest | undefined> {
  for (const { tier, set } of await setFolders(vault)) {
    try {
      const stored = await readSet(vault, tier, set, (bytes, armored) => verifyDetached(bytes, armored, signers));
      return stored.manifest;
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      if (error.code === "set-unknown") continue; // the set that is being made, or what a run that died has left
      if (error.code !== "manifest-untrusted") throw error;
      warnings.push(`Set ${set} (${tier}) is not compared with: ${error.message}`);
    }
  }
  return undefined;
}

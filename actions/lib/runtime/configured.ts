import type { Config } from "../config/load.ts";
import { pinnedSigners } from "../keys/pinned.ts";
import { readKeyring, type Signer } from "../seal/keyring.ts";
import { readPrivateKey, type UnlockedKey } from "../seal/private-key.ts";

/** What every edge makes of the configuration before it calls the core. */

/** Whose signatures count: the pinned signing keys whose public halves are there. */
export async function trustedSigners(config: Config): Promise<Signer[]> {
  return pinnedSigners(await readKeyring(config.publicKeys.armored), config.policy.keys);
}

/** The private key that opens sets. @throws ConfigurationError as `readPrivateKey` */
export async function openingKey(config: Config<"opening">): Promise<UnlockedKey> {
  return readPrivateKey(config.opening.armored.reveal(), config.opening.passphrase?.reveal());
}

/** The private key that signs. @throws ConfigurationError as `readPrivateKey` */
export async function signingKey(config: Config<"signing">): Promise<UnlockedKey> {
  return readPrivateKey(config.signing.armored.reveal(), config.signing.passphrase?.reveal());
}

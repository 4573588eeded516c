import { type KeyMaterial, optional } from "../config/environment.ts";
import type { FormerKeys } from "../config/former-keys.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { pinnedSigners } from "../keys/pinned.ts";
import { readKeyring, type Signer } from "../seal/keyring.ts";
import { readPrivateKey, type UnlockedKey } from "../seal/private-key.ts";
import { verifyDetached } from "../seal/signature.ts";
import { openVault, type Vault, type VaultSettings } from "../vault/client.ts";
import type { VerifySignature } from "../vault/signed-manifest.ts";

/** What every edge makes of the configuration before it calls the core. */

/** Whose signatures count: the pinned signing keys whose public halves are there. */
export async function trustedSigners(config: Config): Promise<Signer[]> {
  return pinnedSigners(await readKeyring(config.publicKeys.armored), config.policy.keys);
}

/** Checks the signatures of manifests by them. */
export async function manifestVerifier(config: Config): Promise<VerifySignature> {
  const signers = await trustedSigners(config);
  return (bytes, armored) => verifyDetached(bytes, armored, signers);
}

/**
 * Checks the signatures of proofs: only the prover's count, the pinned one's and those that the policy names as former. The
 * key that signs backups cannot say that they restore.
 */
export async function provenBy(config: Config): Promise<VerifySignature> {
  const { keys, restoreTest } = config.policy;
  const pins = [keys.recipients.prover, ...restoreTest.formerProvers];
  const { signers } = await readKeyring(config.publicKeys.armored);
  const provers = signers.filter(({ fingerprint }) => pins.includes(fingerprint));
  return (bytes, armored) => verifyDetached(bytes, armored, provers);
}

/** Who can open what is sealed, as signers: their word on what they have read counts. */
export async function readerSigners(config: Config): Promise<Signer[]> {
  const pins = Object.values(config.policy.keys.recipients);
  const { signers } = await readKeyring(config.publicKeys.armored);
  return signers.filter(({ fingerprint }) => pins.includes(fingerprint));
}

/** The private key that opens sets. @throws ConfigurationError as `readPrivateKey` */
export async function openingKey(config: Config<"opening">): Promise<UnlockedKey> {
  return readPrivateKey(config.opening.armored.reveal(), config.opening.passphrase?.reveal());
}

/** The private key that signs. @throws ConfigurationError as `readPrivateKey` */
export async function signingKey(config: Config<"signing">): Promise<UnlockedKey> {
  return readPrivateKey(config.signing.armored.reveal(), config.signing.passphrase?.reveal());
}

/** What a sync may open older lists with. @throws ConfigurationError as `readPrivateKey` */
export async function unlockFormerKeys({ signing, opening }: FormerKeys): Promise<{
  formerSigning: UnlockedKey[];
  opening: UnlockedKey | undefined;
}> {
  const unlock = ({ armored, passphrase }: KeyMaterial) => readPrivateKey(armored.reveal(), passphrase?.reveal());
  return {
    formerSigning: signing === undefined ? [] : [await unlock(signing)],
    opening: opening === undefined ? undefined : await unlock(opening),
  };
}

/** The files' vault, open, where S3_STORAGE_BUCKET names one: for those who look at it and can do without. */
export async function openStorageVault(options?: Pick<VaultSettings, "retry">): Promise<Vault | undefined> {
  if (optional(process.env, "S3_STORAGE_BUCKET") === undefined) return undefined;
  const { storageVault } = await loadConfig({ needs: ["storageVault"] });
  return openVault({ ...storageVault, ...options });
}

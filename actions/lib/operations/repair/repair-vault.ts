import type { Policy } from "../../config/policy/policy.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { pinnedKeys } from "../../seal/keys/pins.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import { peopleVerifier, releaseVerifier } from "../../vault/configured.ts";
import type { VerifyRelease, VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { RepairVault } from "../../vault/repairs/store.ts";
import type { Context } from "../context.ts";
import { trustedSigner } from "../incident/vaults.ts";

/**
 * What keeps plans and undos: the vault, and the key that opens them and signs for them, tried out before anything is done.
 * @throws ConfigurationError `signing-key-missing`, and as `pinnedKeys` and `readPrivateKey`
 */
export async function openRepairVault(
  context: Context,
): Promise<{ readonly store: RepairVault; readonly verify: VerifySignature; readonly release: VerifyRelease }> {
  const { policy, publicKeys } = context.config();
  const release = await releaseVerifier(context.config());
  const key = await context.openingKey();
  await trustedSigner(
    (bytes) => signDetached(bytes, key),
    release,
    "Set RESTORE_PRIVATE_KEY, the operations or escrow key, and RESTORE_PASSPHRASE.",
  );
  const { recipients } = pinnedKeys(await readKeyring(publicKeys.armored), policy.keys);
  const store = {
    ...{ vault: await context.vault(), key, recipients, lockDays: lockDaysOf(policy) },
    ...{ partBytes: policy.vault.partBytes, signal: context.signal },
  };
  return { store, verify: await peopleVerifier(context.config()), release };
}

/** What is locked for longer than it is kept would be in retention's way. */
export function lockDaysOf({ repair, retention }: Pick<Policy, "repair" | "retention">): number {
  return Math.min(repair.lockDays, retention.records.repairs);
}

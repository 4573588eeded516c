import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import type { KeyRole } from "../../seal/keys/keyring.ts";
import type { Pins } from "../../seal/keys/pins.ts";
import { readPrivateKey } from "../../seal/keys/private-key.ts";
import { allRoles } from "../keys/generate.ts";

export interface KeysLeft {
  /** To be made. */
  readonly missing: readonly KeyRole[];
  /** The pins with those that an interrupted run made and did not pin. */
  readonly pins: Pins;
}

/**
 * Which keys are still to be made. One whose files are there and whose pin is not is taken when its private half is in the folder: then this
 * command made it, or the same person did.
 * @throws ConfigurationError `key-half-made`
 */
export async function keysLeft(pins: Pins, folder: string, root: string): Promise<KeysLeft> {
  const missing: KeyRole[] = [];
  let [recipients, signing] = [pins.recipients, pins.signing];
  for (const role of allRoles) {
    const pinned = role === "signing" ? signing.length > 0 : recipients[role] !== null;
    if (pinned) continue;
    const file = join(root, ".github", "keys", `${role}.asc`);
    if (!existsSync(file)) {
      missing.push(role);
      continue;
    }
    const fingerprint = await privateHalf(role, folder, file);
    if (role === "signing") signing = [fingerprint];
    else recipients = { ...recipients, [role]: fingerprint };
  }
  return { missing, pins: { recipients, signing } };
}

async function privateHalf(role: KeyRole, folder: string, file: string): Promise<string> {
  const [key, passphrase] = [join(folder, `${role}.private.asc`), join(folder, `${role}.passphrase`)];
  const { readKey } = await import("openpgp");
  const told = (await readKey({ armoredKey: readFileSync(file, "utf8") })).getFingerprint().toUpperCase();
  if (existsSync(key) && existsSync(passphrase)) {
    const { fingerprint } = await readPrivateKey(readFileSync(key, "utf8"), readFileSync(passphrase, "utf8").trim());
    if (fingerprint === told) return told;
  }
  throw new ConfigurationError(
    "key-half-made",
    `.github/keys/${role}.asc is there, the policy does not pin it, and its private half is not in ${folder}: whose it is cannot be told. Nothing was written.`,
    "Name the folder that its private half lies in, or move the file away.",
  );
}

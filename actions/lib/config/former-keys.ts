import { type Environment, type KeyMaterial, optional, readKey } from "./environment.ts";
import { Problems } from "./problems.ts";

/** Keys that a sync takes when they are set: for lists that the present signing key does not open. */
export interface FormerKeys {
  readonly signing: KeyMaterial | undefined;
  readonly opening: KeyMaterial | undefined;
}

/**
 * BACKUP_SIGNING_KEY_PREVIOUS (and _PASSPHRASE) and RESTORE_PRIVATE_KEY, where they are set.
 * @throws ConfigurationError `configuration`
 */
export function readFormerKeys(env: Environment): FormerKeys {
  const problems = new Problems();
  const read = (key: string, passphrase: string, what: string): KeyMaterial | undefined =>
    optional(env, key) === undefined ? undefined : readKey(env, { key, passphrase, what }, problems);
  const signing = read(
    "BACKUP_SIGNING_KEY_PREVIOUS",
    "BACKUP_SIGNING_KEY_PREVIOUS_PASSPHRASE",
    "the former signing key",
  );
  const opening = read("RESTORE_PRIVATE_KEY", "RESTORE_PASSPHRASE", "the armored private key that opens snapshots");
  problems.throwIfAny();
  return { signing, opening };
}

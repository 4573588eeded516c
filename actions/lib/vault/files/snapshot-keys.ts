import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { noteTouched } from "../../base/touched.ts";
import { isMissing } from "../../s3/store-errors.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import {
  assertCommitment,
  deriveIndexKey,
  indexKeyScope,
  keysFileName,
  type SessionKey,
  sessionKeyCommitment,
  unwrapSessionKey,
  verifyKeysFile,
} from "../../seal/keys/session-key.ts";
import { indexKeysName, snapshotPrefix } from "../format/names.ts";
import type { Vault } from "../s3/client.ts";

const maxKeysBytes = 1024 * 1024;

/** What binds the key of a run's lists to it, and who has it. */
interface IndexKeyClaim {
  readonly run: string;
  readonly indexKeyCommitment: string;
  /** Fingerprint of the signing key that it is derived from. */
  readonly indexKeySigner: string;
}

/** Gives the keys that open lists, and contents where the private key is there. Each is fetched once. */
export interface SnapshotKeys {
  /** @throws ConfigurationError `index-key-foreign`, `wrong-private-key`; OperationError `keys-unsigned`, `session-key-foreign` … */
  index(claim: IndexKeyClaim): Promise<SessionKey>;
  /**
   * The key of the packs and files that a run stored.
   * @throws ConfigurationError `contents-closed` where only lists can be opened; and as `index`
   */
  session(run: string, commitment: string): Promise<SessionKey>;
}

/** For whoever holds a private key of a recipient: opens lists and contents. */
export function recipientKeys(vault: Vault, privateKey: UnlockedKey, trusted: readonly Signer[]): SnapshotKeys {
  const once = new Map<string, Promise<SessionKey>>();
  const unwrap = (name: string, scope: string, commitment: string, run: string): Promise<SessionKey> =>
    remembered(once, scope, async () => {
      const key = snapshotPrefix(run) + name;
      const stored = await vault.get(key, { maxBytes: maxKeysBytes }).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        throw new OperationError(
          "keys-missing",
          `${key} in bucket ${vault.bucket} is not there: what it opens is closed for good.`,
          "Look for an older version or a replica of this object.",
        );
      });
      await verifyKeysFile(scope, stored.body, stored.metadata, trusted);
      const sessionKey = await unwrapSessionKey(stored.body, privateKey);
      assertCommitment(sessionKey, scope, commitment);
      noteTouched("opened", key, stored.body);
      return sessionKey;
    });
  return {
    index: ({ run, indexKeyCommitment }) => unwrap(indexKeysName, indexKeyScope(run), indexKeyCommitment, run),
    session: (run, commitment) => unwrap(keysFileName, run, commitment, run),
  };
}

/**
 * For a job that signs: opens the lists of earlier runs, and no content.
 * @param signing the present signing key first, then former ones that are still at hand
 * @param further where the signing keys do not reach: a recipient's key, when somebody has given it
 */
export function signerKeys(signing: readonly UnlockedKey[], further?: SnapshotKeys): SnapshotKeys {
  return {
    async index(claim) {
      for (const key of signing) {
        const derived = deriveIndexKey(key, claim.run);
        if (sessionKeyCommitment(derived, indexKeyScope(claim.run)) === claim.indexKeyCommitment) return derived;
      }
      if (further !== undefined) return further.index(claim);
      throw new ConfigurationError(
        "index-key-foreign",
        `The lists of snapshot ${claim.run} were sealed by signing key ${claim.indexKeySigner}, and that is not the one that is set.`,
        "Give the former one in BACKUP_SIGNING_KEY_PREVIOUS (and _PASSPHRASE), or RESTORE_PRIVATE_KEY, for this one run; or copy everything anew with --full.",
      );
    },
    async session(run, commitment) {
      if (further !== undefined) return further.session(run, commitment);
      throw new ConfigurationError(
        "contents-closed",
        "The signing key opens lists, no contents.",
        "Set RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE.",
      );
    },
  };
}

async function remembered<T>(once: Map<string, Promise<T>>, name: string, work: () => Promise<T>): Promise<T> {
  const known = once.get(name) ?? work();
  once.set(name, known);
  return known;
}

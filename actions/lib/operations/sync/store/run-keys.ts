import { keysFileName, keysSignatureMetadata, signKeysFile, wrapSessionKey } from "../../../seal/keys/key-wrapping.ts";
import type { PinnedKeys } from "../../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import {
  deriveIndexKey,
  indexKeyScope,
  newSessionKey,
  type SessionKey,
  sessionKeyCommitment,
} from "../../../seal/keys/session-key.ts";
import { indexKeysName, snapshotPrefix } from "../../../vault/format/names.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { assertStored } from "../../../vault/s3/read-back.ts";

/** The two keys of one run. Both are in the vault, sealed to the recipients, before anything is sealed with them. */
export interface RunKeys {
  readonly run: string;
  /** Key of the lists; can be derived again by whoever has the signing key. */
  readonly index: SessionKey;
  readonly indexKeyCommitment: string;
  readonly indexKeySigner: string;
  /** Key of the contents: made when the first one is stored, forgotten when the process ends. */
  session(): Promise<SessionKey>;
  /** Null as long as no content was stored. */
  sessionKeyCommitment(): string | null;
  /** Puts the lists' key into the vault. */
  storeIndexKey(): Promise<void>;
}

export function openRunKeys(
  vault: Vault,
  run: string,
  signing: UnlockedKey,
  recipients: PinnedKeys["recipients"],
  signal: AbortSignal,
): RunKeys {
  const index = deriveIndexKey(signing, run);
  let made: Promise<SessionKey> | undefined;
  let commitment: string | null = null;
  const store = async (key: SessionKey, name: string, scope: string): Promise<void> => {
    const body = await wrapSessionKey(key, recipients);
    const metadata = { [keysSignatureMetadata]: await signKeysFile(scope, body, signing) };
    await vault.put(snapshotPrefix(run) + name, body, { ifNoneMatch: true, metadata, signal });
    await assertStored(vault, snapshotPrefix(run) + name, body, metadata);
  };
  const makeSession = async (): Promise<SessionKey> => {
    const key = newSessionKey();
    await store(key, keysFileName, run);
    commitment = sessionKeyCommitment(key, run);
    return key;
  };
  return {
    run,
    index,
    indexKeyCommitment: sessionKeyCommitment(index, indexKeyScope(run)),
    indexKeySigner: signing.fingerprint,
    session() {
      made ??= makeSession();
      return made;
    },
    sessionKeyCommitment: () => commitment,
    storeIndexKey: () => store(index, indexKeysName, indexKeyScope(run)),
  };
}

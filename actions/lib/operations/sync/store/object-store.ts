import { createHash } from "node:crypto";
import { counted } from "../../../base/flow/chunks.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import { sealArtifact, sealWhole } from "../../../seal/body/artifact.ts";
import type { PinnedKeys } from "../../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import {
  deriveIndexKey,
  indexKeyScope,
  keysFileName,
  keysSignatureMetadata,
  newSessionKey,
  type SessionKey,
  sessionKeyCommitment,
  signKeysFile,
  wrapSessionKey,
} from "../../../seal/keys/session-key.ts";
import { fileKey, indexKeysName, listName, packKey, snapshotPrefix } from "../../../vault/format/names.ts";
import {
  encodeEntry,
  type FileEntry,
  type HashedObject,
  type Layer,
  type StoredObject,
} from "../../../vault/format/snapshot-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { assertStored, readBack } from "../../../vault/s3/read-back.ts";
import { uploadStream } from "../../../vault/s3/upload.ts";

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

/** Writes what one run stores, sealed, and reads it back. Nothing replaces anything. */
export interface ObjectStore {
  /** @param source of a tar @returns with `files` and `fileBytes` 0: the caller counts */
  pack(source: AsyncIterable<Uint8Array>): Promise<StoredObject>;
  file(source: AsyncIterable<Uint8Array>): Promise<StoredObject>;
  /** A small one below the run's own prefix, sealed with the lists' key. */
  sealed(name: string, plain: Uint8Array): Promise<HashedObject>;
  /** A small one below the run's own prefix, for everybody's eyes. */
  plain(name: string, body: Uint8Array, contentType: string): Promise<HashedObject>;
  /** Counts off what turned out to be of no use. No snapshot will name it, and so retention removes it. */
  discount(object: StoredObject): void;
  /** Bytes that were stored, those that are of no use left out. */
  readonly storedBytes: number;
}

export function openObjectStore(
  vault: Vault,
  keys: RunKeys,
  policy: Policy["vault"],
  signal: AbortSignal,
): ObjectStore {
  const numbers = { pack: 0, file: 0 };
  let storedBytes = 0;
  const bytesOf = ({ segments }: StoredObject): number => segments.reduce((sum, { bytes }) => sum + bytes, 0);

  const store = async (key: string, source: AsyncIterable<Uint8Array>): Promise<StoredObject> => {
    let plainBytes = 0;
    const plain = counted(source, (bytes) => {
      plainBytes += bytes;
    });
    const sealed = sealArtifact(plain, await keys.session(), { recycled: true });
    const { partBytes, maxParts } = policy;
    const segments = await uploadStream(vault, key, sealed, { prefix: "", partBytes, maxParts, signal });
    if (policy.readBack) await readBack(vault, "", segments, { signal });
    const object = { key, files: 0, fileBytes: 0, plainBytes, segments };
    storedBytes += bytesOf(object);
    return object;
  };
  const put = async (name: string, body: Uint8Array, contentType?: string): Promise<HashedObject> => {
    const key = snapshotPrefix(keys.run) + name;
    const part = { bytes: body.byteLength, sha256: createHash("sha256").update(body).digest("hex") };
    await vault.put(key, body, { ifNoneMatch: true, signal, ...(contentType !== undefined && { contentType }) });
    if (policy.readBack) await readBack(vault, "", [{ key, ...part, parts: [part] }], { signal });
    storedBytes += body.byteLength;
    return { key, ...part };
  };
  return {
    pack: (source) => store(packKey(keys.run, ++numbers.pack), source),
    file: (source) => store(fileKey(keys.run, ++numbers.file), source),
    sealed: async (name, plain) => put(name, await sealWhole(plain, keys.index)),
    plain: put,
    discount(object) {
      storedBytes -= bytesOf(object);
    },
    get storedBytes() {
      return storedBytes;
    },
  };
}

type List = Layer["lists"][number];

/** Lines of changes that are kept until they are written: about 2 MB, of which text, bytes and sealed bytes are held at once. */
const mostLines = 4000;

/** Writes the lists of one layer: first the shards of a base, if it is one, then changes. */
export interface ListWriter {
  /** Shard `number` of the base, whole. */
  shard(number: number, entries: Iterable<FileEntry>): Promise<void>;
  change(entry: FileEntry): Promise<void>;
  /** Entries that were given to `change`. */
  readonly changes: number;
  /** Writes what is left. @returns the lists, those of shards first */
  finish(): Promise<List[]>;
}

/** @param shards of the base; 0 when the layer has none */
export function openListWriter(store: ObjectStore, shards: number): ListWriter {
  const lists: List[] = [];
  let lines: string[] = [];
  let number = shards;
  let changes = 0;
  const write = async (at: number, text: readonly string[]): Promise<void> => {
    const body = text.length === 0 ? "" : `${text.join("\n")}\n`;
    lists[at] = { entries: text.length, ...(await store.sealed(listName(at), Buffer.from(body))) };
  };
  return {
    async shard(at, entries) {
      const text: string[] = [];
      for (const entry of entries) text.push(encodeEntry(entry));
      await write(at, text);
    },
    async change(entry) {
      changes++;
      lines.push(encodeEntry(entry));
      if (lines.length < mostLines) return;
      const full = lines;
      lines = [];
      await write(number++, full);
    },
    get changes() {
      return changes;
    },
    async finish() {
      if (lines.length > 0) await write(number++, lines);
      lines = [];
      return lists;
    },
  };
}

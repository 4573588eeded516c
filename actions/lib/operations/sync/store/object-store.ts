import { createHash } from "node:crypto";
import { counted } from "../../../base/flow/chunks.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import { sealArtifact, sealWhole } from "../../../seal/body/artifact.ts";
import { fileKey, packKey, snapshotPrefix } from "../../../vault/format/names.ts";
import type { HashedObject, StoredObject } from "../../../vault/format/snapshot-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { readBack } from "../../../vault/s3/read-back.ts";
import { uploadStream } from "../../../vault/s3/upload.ts";
import type { RunKeys } from "./run-keys.ts";

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

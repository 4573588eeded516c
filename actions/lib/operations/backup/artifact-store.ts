import { createHash } from "node:crypto";
import type { Track } from "../../base/log.ts";
import { sealArtifact, sealWhole } from "../../seal/body/artifact.ts";
import type { SessionKey } from "../../seal/keys/session-key.ts";
import { archiveTag, leavesStandard } from "../../vault/bucket/lifecycle.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { readBack } from "../../vault/s3/read-back.ts";
import { uploadStream } from "../../vault/s3/upload.ts";

export interface ArtifactStore {
  /**
   * Compresses, seals, uploads, hashes and reads back one artifact.
   * @param source plain bytes; when it throws, nothing is stored under the name
   * @param track is advanced by plain bytes as they are read
   */
  put(artifact: ArtifactName, source: AsyncIterable<Uint8Array>, track?: Track): Promise<Artifact>;
  /**
   * The same for one that is in memory already, in a single request and without a buffer of a whole part: many small ones
   * can be on their way at a time.
   */
  putSmall(artifact: ArtifactName, plain: Uint8Array): Promise<Artifact>;
}

export type ArtifactName = Pick<Artifact, "name" | "kind" | "tables">;

export interface ArtifactStoreOptions {
  readonly vault: Vault;
  /** The set's prefix, ending in "/". */
  readonly prefix: string;
  readonly key: SessionKey;
  readonly partBytes: number;
  readonly maxParts: number;
  readonly readBack: boolean;
  /** The set is an archive: what is large of it leaves Standard. */
  readonly archive: boolean;
  /** It gets its tags from a later run, when all of it is in the replica. */
  readonly replicated: boolean;
  readonly signal: AbortSignal;
}

/** Where a set's sealed artifacts go. */
export function openArtifactStore(options: ArtifactStoreOptions): ArtifactStore {
  const { vault, prefix, key, signal } = options;
  return {
    async put(artifact, source, track) {
      let plainBytes = 0;
      const cold = options.archive && leavesStandard(artifact.name);
      const sealed = sealArtifact(source, key, {
        recycled: true, // the upload copies each block into its part
        onPlainBytes(bytes) {
          plainBytes += bytes;
          track?.advance({ bytes });
        },
      });
      const { partBytes, maxParts } = options;
      const segments = await uploadStream(vault, prefix + artifact.name, sealed, {
        prefix,
        partBytes,
        maxParts,
        signal,
        ...(cold && !options.replicated && { tags: archiveTag }),
      });
      // What the lifecycle takes out of Standard is always read back while it can be.
      if (options.readBack || cold) {
        track?.note("reading back");
        await readBack(vault, prefix, segments, { signal });
      }
      return { ...artifact, plainBytes, segments };
    },
    async putSmall(artifact, plain) {
      const body = await sealWhole(plain, key);
      await vault.put(prefix + artifact.name, body, { ifNoneMatch: true, signal });
      const part = { bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") };
      const segments = [{ key: artifact.name, ...part, parts: [part] }];
      if (options.readBack) await readBack(vault, prefix, segments, { signal });
      return { ...artifact, plainBytes: plain.length, segments };
    },
  };
}

/** A text as a source. */
export async function* textSource(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = Buffer.from(text, "utf8");
  const step = 1024 * 1024;
  for (let from = 0; from < bytes.length; from += step) yield bytes.subarray(from, from + step);
}

const itemsAtATime = 100;

/** What JSON.stringify gives for a document of plain values, as a source: long lists go in pieces, never as one text. */
export async function* jsonSource(
  document: Readonly<Record<string, unknown>>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let before = "{";
  for (const [name, value] of Object.entries(document)) {
    yield Buffer.from(`${before}${JSON.stringify(name)}:`);
    before = ",";
    if (!Array.isArray(value)) {
      yield Buffer.from(JSON.stringify(value));
      continue;
    }
    for (let from = 0; from < value.length; from += itemsAtATime) {
      const some = JSON.stringify(value.slice(from, from + itemsAtATime)).slice(1, -1);
      yield Buffer.from(`${from === 0 ? "[" : ","}${some}`);
    }
    yield Buffer.from(value.length === 0 ? "[]" : "]");
  }
  yield Buffer.from(before === "{" ? "{}" : "}");
}

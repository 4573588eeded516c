import { createHash } from "node:crypto";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { linesOf, oneChunk } from "../../base/flow/chunks.ts";
import { openSealed, openWhole } from "../../seal/body/artifact.ts";
import type { SessionKey } from "../../seal/keys/session-key.ts";
import { ByteReader } from "../../seal/packets/blocks.ts";
import { runOfObject } from "../format/names.ts";
import type { HashedObject, StoredObject } from "../format/snapshot-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { openArtifact } from "../s3/download.ts";
import type { SnapshotKeys } from "./snapshot-keys.ts";

/**
 * Reads a small object whole and compares it with what a signed document says of it.
 * @throws OperationError `snapshot-damaged` when it is missing or another; `s3-unavailable`
 */
export async function readHashed(vault: Vault, { key, bytes, sha256 }: HashedObject): Promise<Uint8Array> {
  const damaged = (how: string) =>
    new OperationError(
      "snapshot-damaged",
      `${key} in bucket ${vault.bucket} ${how}`,
      "Use another snapshot (`lifeboat list --files`), and look for an older version or a replica of this object.",
    );
  // Read twice before it is called damaged: a right answer proves itself.
  for (let reading = 1; ; reading++) {
    const { body } = await vault.get(key, { maxBytes: bytes }).catch((error: unknown) => {
      if (error instanceof LifeboatError && error.code === "s3-missing") throw damaged("is missing");
      if (error instanceof LifeboatError && error.code === "s3-too-large")
        throw damaged(`has more than ${bytes} bytes`);
      throw error;
    });
    if (body.byteLength === bytes && createHash("sha256").update(body).digest("hex") === sha256) return body;
    if (reading === 2) throw damaged("has another SHA-256 than the snapshot says");
  }
}

/** The content of a small sealed object. @throws as `readHashed` and `openSealed` */
export async function readSealed(vault: Vault, object: HashedObject, key: SessionKey): Promise<Buffer> {
  return openWhole(await readHashed(vault, object), key);
}

/** A file's own metadata may have 1 MB at Supabase; its line is little more. */
const longestLine = 8 * 1024 * 1024;

/** The lines of a small sealed object, without their ends. */
export async function* readLines(
  vault: Vault,
  object: HashedObject,
  key: SessionKey,
): AsyncGenerator<string, void, undefined> {
  // Its SHA-256 is the one that a signed document tells: lines can be relied on before the seal's end.
  const stored = await readHashed(vault, object);
  const endless = () =>
    new OperationError("snapshot-damaged", `A line of ${object.key} has no end.`, "Use another snapshot.");
  yield* linesOf(openSealed(oneChunk(stored), key), longestLine, endless);
}

/**
 * The plain content of a pack (a tar) or of a large file, streamed. Parts are compared with the layer's hashes before they
 * are opened; nothing may be relied on before the iteration has ended without an error.
 * @param commitments of the session keys (`sessionKeyCommitments`)
 * @throws OperationError `artifact-damaged`, `sealed-…`, `keys-…`; ConfigurationError `wrong-private-key`
 */
export async function* openObject(
  vault: Vault,
  object: StoredObject,
  keys: SnapshotKeys,
  commitments: ReadonlyMap<string, string>,
  options: { readonly signal?: AbortSignal; readonly ahead?: number } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const run = runOfObject(object.key);
  const commitment = run === undefined ? undefined : commitments.get(run);
  if (run === undefined || commitment === undefined)
    throw new OperationError("snapshot-damaged", `No layer of the snapshot tells which key opens ${object.key}.`);
  const key = await keys.session(run, commitment);
  const stored = openArtifact(vault, "", { name: object.key, segments: object.segments }, options);
  let bytes = 0;
  for await (const chunk of openSealed(stored, key)) {
    bytes += chunk.length;
    if (bytes > object.plainBytes)
      throw new OperationError("snapshot-damaged", `${object.key} becomes larger than the snapshot says.`);
    yield chunk;
  }
}

/** One file of a pack. */
interface PackedFile {
  /** Its entry: a number, as the list has it. */
  readonly name: string;
  readonly bytes: number;
  /** To be read before the next file is asked for; what is left unread by then is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
}

const blockBytes = 512;

/**
 * The files of a pack, in order: an ordinary tar of plain files (POSIX ustar). It is read to its end, where the seal is
 * checked, unless the reader leaves earlier.
 *
 * @param plain the pack, opened and decompressed
 * @throws OperationError `pack-damaged`; and what the source throws
 */
export async function* readPack(plain: AsyncIterable<Uint8Array>): AsyncGenerator<PackedFile, void, undefined> {
  const reader = new ByteReader(plain);
  try {
    for (;;) {
      const header = Buffer.from(await reader.upTo(blockBytes));
      if (header.length < blockBytes) throw damaged("it ends too early");
      if (header.every((byte) => byte === 0)) break;
      const { name, bytes } = readHeader(header);
      const left = { bytes };
      yield { name, bytes, content: contentOf(reader, left) };
      for await (const _ of contentOf(reader, left));
      const padding = (blockBytes - (bytes % blockBytes)) % blockBytes;
      if ((await reader.upTo(padding)).length < padding) throw damaged("it ends too early");
    }
    while ((await reader.some(Number.POSITIVE_INFINITY)) !== undefined);
  } finally {
    await reader.close();
  }
}

async function* contentOf(reader: ByteReader, left: { bytes: number }): AsyncGenerator<Uint8Array, void, undefined> {
  while (left.bytes > 0) {
    const piece = await reader.some(left.bytes);
    if (piece === undefined) throw damaged("it ends too early");
    left.bytes -= piece.length;
    yield piece;
  }
}

function readHeader(header: Buffer): { name: string; bytes: number } {
  const text = (from: number, length: number): string =>
    header.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  const octal = (from: number, length: number): number => {
    const digits = text(from, length).trim();
    if (!/^[0-7]+$/.test(digits)) throw damaged("an entry has no size");
    return Number.parseInt(digits, 8);
  };
  const sum = header.reduce((total, byte, place) => total + (place >= 148 && place < 156 ? 32 : byte), 0);
  if (octal(148, 8) !== sum) throw damaged("an entry's header does not fit its sum");
  const kind = text(156, 1);
  if (kind !== "0" && kind !== "") throw damaged("an entry is no plain file");
  return { name: text(0, 100), bytes: octal(124, 12) };
}

function damaged(how: string): OperationError {
  return new OperationError(
    "pack-damaged",
    `A pack of files is not the tar that it should be: ${how}.`,
    "Use another snapshot.",
  );
}

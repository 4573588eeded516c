import { atMost, counted, oneChunk, wholeOf } from "../../base/flow/chunks.ts";
import type { SessionKey } from "../keys/session-key.ts";
import { damage } from "../packets/packets.ts";
import { compress, compressWhole, decompress } from "./compress.ts";
import { open, seal } from "./message.ts";

interface SealOptions {
  /** Called with the number of plain bytes of each chunk, as it is taken from the source. */
  readonly onPlainBytes?: (bytes: number) => void;
  /** A block that comes out is valid only until the next but one is asked for: its memory is used again. */
  readonly recycled?: boolean;
}

/**
 * Plain bytes in, a sealed artifact out: zstd, then an OpenPGP body. Blocks of about 256 KiB, constant memory. An error
 * of the source comes out unchanged; a consumer that stops early ends the source (a Readable is destroyed).
 */
export function sealArtifact(
  source: AsyncIterable<Uint8Array>,
  key: SessionKey,
  options: SealOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  return released(source, (held) =>
    seal(compress(counted(held, options.onPlainBytes)), key, { recycled: options.recycled ?? false }),
  );
}

/** The sealed artifact of plain bytes that are all there: what `sealArtifact` makes of them, for small ones. */
export async function sealWhole(plain: Uint8Array, key: SessionKey): Promise<Uint8Array> {
  return wholeOf(seal(oneChunk(compressWhole(plain)), key));
}

/** Whoever has the key can have sealed what a few bytes become without an end. */
const mostWhole = 128 * 1024 * 1024;
const endless = () => damage.compression(`it has more than ${mostWhole} bytes`);

/** The reverse, for small ones. @throws as `openSealed`; `compressed-damaged` for what becomes larger than any is */
export function openWhole(stored: Uint8Array, key: SessionKey): Promise<Buffer> {
  return wholeOf(atMost(openSealed(oneChunk(stored), key), mostWhole, endless));
}

/**
 * The reverse. Nothing that comes out may be relied on before the iteration has ended without an error.
 *
 * @throws OperationError as `open` and `decompress`; and whatever the source throws, unchanged
 */
export function openSealed(
  stored: AsyncIterable<Uint8Array>,
  key: SessionKey,
): AsyncGenerator<Uint8Array, void, undefined> {
  return released(stored, (held) => decompress(open(held, key, { recycled: true })));
}

/** A Readable that waits for data ends only when it is destroyed; a generator ends with its consumer. */
async function* released(
  source: AsyncIterable<Uint8Array> & { destroy?: unknown },
  stages: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stages(source);
  } finally {
    if (typeof source.destroy === "function") source.destroy();
  }
}

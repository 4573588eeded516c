import type { Transform } from "node:stream";
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync } from "node:zlib";
import { bufferUsed } from "../../base/collector.ts";
import { blockBytes, gathered } from "../packets/blocks.ts";
import { damage } from "../packets/packets.ts";

/** Level 1 keeps up with a dump on one core; higher levels cost more time than they save in transfer. */
const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

/** zstd of the source, with a checksum of the content. Works on libuv's threads, beside the sealing. */
export function compress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  return throughEngine(gathered(source), createZstdCompress({ chunkSize: blockBytes, params }));
}

/** The same frame of bytes that are all there, in one go: a stream's set-up costs more than a few kilobytes' compression. */
export function compressWhole(plain: Uint8Array): Uint8Array {
  return zstdCompressSync(plain, { params });
}

/**
 * The reverse. Ends only when the frame is complete, its checksum right and the source has ended.
 *
 * @throws OperationError `compressed-damaged`; and whatever the source throws, unchanged
 */
export function decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  return throughEngine(source, createZstdDecompress({ chunkSize: blockBytes }));
}

/** A compressor or decompressor of node:zlib. */
type Engine = Transform & { readonly bytesWritten: number };

/**
 * Runs a source through a zlib stream, strictly. Node's decompressors end as soon as their data says so and drop what
 * follows without a word (measured in 24: a second zstd frame, garbage after the first); a pipeline then stops reading
 * its source, whose own check at the end never happens. Here the source is always read to its end, and a byte that the
 * engine did not want is an error.
 *
 * @throws OperationError `compressed-damaged`; and whatever the source throws, unchanged
 */
export async function* throughEngine(
  source: AsyncIterable<Uint8Array>,
  engine: Engine,
): AsyncGenerator<Uint8Array, void, undefined> {
  // The iteration below reports errors; one that comes after it has ended must not become an uncaught exception.
  engine.on("error", () => {});
  let failure: unknown;
  const feeding = feed(source, engine).catch((error: unknown) => {
    failure ??= error;
    engine.destroy();
  });
  try {
    for await (const chunk of engine as AsyncIterable<Uint8Array>) {
      bufferUsed(chunk.length);
      yield chunk;
    }
  } catch (error) {
    failure ??= damage.compression("it does not decompress", error);
  } finally {
    engine.destroy();
  }
  if (failure === undefined) await feeding;
  if (failure !== undefined) throw failure;
}

async function feed(source: AsyncIterable<Uint8Array>, engine: Engine): Promise<void> {
  let fed = 0;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    await written(engine, chunk);
    fed += chunk.length;
    if (engine.bytesWritten !== fed) throw damage.compression("bytes follow its end");
  }
  engine.end();
}

/** Resolves when the engine has taken the chunk; rejects when it is gone before. */
function written(engine: Engine, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(damage.compression("it ends before its source"));
    engine.once("close", gone);
    engine.write(chunk, (error) => {
      engine.off("close", gone);
      if (error) reject(damage.compression("it does not decompress", error));
      else resolve();
    });
  });
}

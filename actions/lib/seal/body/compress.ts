import { Duplex } from "node:stream";
import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  type ZstdCompress,
  type ZstdDecompress,
  zstdCompressSync,
} from "node:zlib";
import { blockBytes, gathered } from "../packets/blocks.ts";
import { throughEngine } from "./engine.ts";

/** Fast enough to keep up with a dump on one core; higher levels cost more time than they save in transfer. */
const defaultLevel = 1;

/** zstd of the source, with a checksum of the content. Works on libuv's threads, beside the sealing. */
export function compress(
  source: AsyncIterable<Uint8Array>,
  level: number = defaultLevel,
): AsyncGenerator<Uint8Array, void, undefined> {
  return throughEngine(gathered(source), zstdCompressor(level));
}

/** The same frame of bytes that are all there, in one go: a stream's set-up costs more than a few kilobytes' compression. */
export function compressWhole(plain: Uint8Array, level: number = defaultLevel): Uint8Array {
  return zstdCompressSync(plain, { params: parameters(level) });
}

/**
 * The reverse. Ends only when the frame is complete, its checksum right and the source has ended.
 *
 * @throws OperationError `compressed-damaged`; and whatever the source throws, unchanged
 */
export function decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  return throughEngine(source, zstdDecompressor());
}

/** `compress` as a stream, for pipelines. */
export function createCompressor(level: number = defaultLevel): Duplex {
  return Duplex.from((source: AsyncIterable<Uint8Array>) => compress(source, level));
}

/** `decompress` as a stream, for pipelines. */
export function createDecompressor(): Duplex {
  return Duplex.from(decompress);
}

function zstdCompressor(level: number): ZstdCompress {
  return createZstdCompress({ chunkSize: blockBytes, params: parameters(level) });
}

function parameters(level: number): Record<number, number> {
  return { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
}

function zstdDecompressor(): ZstdDecompress {
  return createZstdDecompress({ chunkSize: blockBytes });
}

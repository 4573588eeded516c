/** Bytes that a stage hands on at a time: small enough for constant memory, large enough that per-chunk costs vanish. */
export const blockBytes = 256 * 1024;

export interface BlockOptions {
  /** Bytes of a block, default: 256 KiB. */
  readonly bytes?: number;
  /** Bytes left free in front of each block, for a header. */
  readonly headroom?: number;
  /** The consumer is done with a block when it asks for the one after the next: its memory is used again. */
  readonly recycled?: boolean;
}

/**
 * Gathers chunks of any size into blocks of exactly `bytes` bytes; the last one may be shorter, and is missing when
 * there is nothing. A block is handed on only when more has arrived or the source has ended well: a reader never gets
 * the last block of a source that fails at its end. The bytes are copied, so the source may reuse its buffers.
 */
export async function* blocks(
  source: AsyncIterable<Uint8Array>,
  options: BlockOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const headroom = options.headroom ?? 0;
  const end = headroom + (options.bytes ?? blockBytes);
  const next = allocator(end, options.recycled ?? false);
  let block = next();
  let filled = headroom;
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.length; ) {
      if (filled === end) {
        yield block;
        block = next();
        filled = headroom;
      }
      const taken = Math.min(chunk.length - offset, end - filled);
      block.set(chunk.subarray(offset, offset + taken), filled);
      offset += taken;
      filled += taken;
    }
  }
  if (filled > headroom) yield block.subarray(0, filled);
}

/**
 * Gathers small chunks into blocks of 256 KiB; a chunk that is as large passes as it is, without a copy. What is handed on is
 * valid until the next is asked for, if the source's chunks are.
 */
export async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let block: Uint8Array | undefined;
  let filled = 0;
  for await (const chunk of source) {
    if (chunk.length >= blockBytes) {
      if (block !== undefined && filled > 0) yield block.subarray(0, filled);
      filled = 0;
      yield chunk;
      continue;
    }
    block ??= Buffer.allocUnsafeSlow(blockBytes);
    const head = chunk.subarray(0, blockBytes - filled);
    block.set(head, filled);
    filled += head.length;
    if (filled < blockBytes) continue;
    yield block;
    block.set(chunk.subarray(head.length));
    filled = chunk.length - head.length;
  }
  if (block !== undefined && filled > 0) yield block.subarray(0, filled);
}

/** Two blocks may be in the consumer's hands while a third one is filled. */
function allocator(bytes: number, recycled: boolean): () => Uint8Array {
  if (!recycled) return () => Buffer.allocUnsafeSlow(bytes);
  const ring: Uint8Array[] = [];
  let turn = 0;
  return () => {
    const slot = turn++ % 3;
    ring[slot] ??= Buffer.allocUnsafeSlow(bytes);
    return ring[slot];
  };
}

/** Pulls bytes out of a stream of chunks: one, a few, or as many as come at once. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to `limit` bytes, at least one; undefined at the end. A view, valid as long as the source's own chunks are. */
  async some(limit: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#chunk = next.value;
    }
    const taken = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(taken.length);
    return taken;
  }

  /** The next byte; undefined at the end. */
  async byte(): Promise<number | undefined> {
    return (await this.some(1))?.[0];
  }

  /** `count` bytes, or fewer when the source ends before. For small counts: they are gathered in memory. */
  async upTo(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let left = count; left > 0; ) {
      const piece = await this.some(left);
      if (piece === undefined) break;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Tells the source that no more will be read. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

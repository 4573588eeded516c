import { damaged } from "./cursor.ts";
import type { TocEntry } from "./toc.ts";

/** Takes the frames of a block: a length and that many bytes, up to one of length 0. */
export interface FrameReader {
  /** Takes the next bytes, cut anywhere; returns how many of them it has taken: all before the end. */
  push(chunk: Uint8Array): number;
  /** Whether the last frame has passed. */
  readonly ended: boolean;
}

/**
 * Walks over the data of an archive as they go by, without holding them back: bytes are pushed, and the frames of each
 * table's rows go to a reader of its own. It takes what `readArchive` would.
 */
export class ArchiveWalk {
  readonly #awaited: Map<number, TocEntry>;
  readonly #readerOf: (entry: TocEntry) => FrameReader | undefined;
  readonly #head = new Uint8Array(6);
  #headBytes = 0;
  #frames: FrameReader | undefined;
  /** In a block of large objects: each has its OID in front of its frames, and an OID of 0 ends the block. */
  #inObjects = false;
  #offset: number;

  /**
   * @param offset bytes before the first block, for messages
   * @param readerOf the reader of a table's rows; rows without one are passed over
   */
  constructor(toc: readonly TocEntry[], offset: number, readerOf: (entry: TocEntry) => FrameReader | undefined) {
    this.#awaited = new Map(toc.filter(({ hasData }) => hasData).map((entry) => [entry.dumpId, entry]));
    this.#offset = offset;
    this.#readerOf = readerOf;
  }

  /** @throws OperationError `archive-damaged`, and what a reader throws */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const taken = this.#take(at === 0 ? chunk : chunk.subarray(at));
      at += taken;
      this.#offset += taken;
    }
  }

  /** @throws OperationError `archive-damaged` when data are missing or cut off */
  finish(): void {
    const [missing] = this.#awaited.values();
    if (missing !== undefined) {
      throw damaged(`it ends before the data of ${missing.namespace ?? ""}.${missing.tag}`, this.#offset);
    }
    if (this.#frames !== undefined || this.#inObjects || this.#headBytes > 0) {
      throw damaged("it ends in a block of data", this.#offset);
    }
  }

  #take(bytes: Uint8Array): number {
    if (this.#frames !== undefined) {
      const taken = this.#frames.push(bytes);
      if (this.#frames.ended) this.#frames = undefined;
      return taken;
    }
    const wanted = this.#inObjects ? 5 : 6;
    const taken = bytes.subarray(0, wanted - this.#headBytes);
    this.#head.set(taken, this.#headBytes);
    this.#headBytes += taken.length;
    if (this.#headBytes === wanted) {
      this.#headBytes = 0;
      if (this.#inObjects) this.#beginObject();
      else this.#beginBlock();
    }
    return taken.length;
  }

  #beginBlock(): void {
    const [type, sign] = this.#head;
    const entry = this.#awaited.get(lowestFirst(this.#head, 2));
    if (entry === undefined || sign !== 0) throw damaged("a block of data belongs to no entry", this.#offset);
    this.#awaited.delete(entry.dumpId);
    if (type === 1) this.#frames = this.#readerOf(entry) ?? new PassedFrames();
    else if (type === 3) this.#inObjects = true;
    else throw damaged("a block of data is of no known type", this.#offset);
  }

  #beginObject(): void {
    if (lowestFirst(this.#head, 1) === 0) this.#inObjects = false;
    else this.#frames = new PassedFrames();
  }
}

function lowestFirst(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer).getUint32(at, true);
}

/** Frames that nobody reads. */
class PassedFrames implements FrameReader {
  #head = new Uint8Array(5);
  #headBytes = 0;
  #left = 0;
  ended = false;

  push(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length && !this.ended) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, chunk.length - at);
        this.#left -= passed;
        at += passed;
        continue;
      }
      this.#head[this.#headBytes++] = chunk[at++] as number;
      if (this.#headBytes < 5) continue;
      this.#headBytes = 0;
      this.#left = lowestFirst(this.#head, 1);
      if (this.#head[0] !== 0) throw damaged("a frame has no valid length", at);
      this.ended = this.#left === 0;
    }
    return at;
  }
}

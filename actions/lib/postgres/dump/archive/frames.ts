import { type Cursor, damaged } from "./cursor.ts";

/** What a reader of table data hands on at a time; pg_dump up to 17 frames each row by itself. */
const chunkBytes = 128 * 1024;
/** What pg_dump writes after the last row: the end marker of COPY and two empty lines. */
const copyEnd = Buffer.from("\\.\n\n\n", "latin1");

/**
 * The data of one table or one large object: frames (a length and that many bytes) up to one of length 0, handed on in
 * chunks of about 128 KiB. The last chunk may be of any size.
 */
export class Frames {
  readonly #cursor: Cursor;
  readonly #what: string;
  /** Unread bytes of the frame that the cursor is in. */
  #left = 0;
  #ended = false;

  /** @param what names the data in errors, e.g. `the rows of public.exams` */
  constructor(cursor: Cursor, what: string) {
    this.#cursor = cursor;
    this.#what = what;
  }

  /** Content without the frames. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    while (!this.#ended) {
      const out = Buffer.allocUnsafeSlow(chunkBytes);
      const length = await this.#fill(out, 0);
      if (length > 0) yield out.subarray(0, length);
    }
  }

  /**
   * Content of a table: checks that COPY's end marker is there, and keeps it back.
   * @param recycled the reader is done with a chunk when it asks for the next: two chunks' memory serves the whole table
   */
  async *copyChunks({ recycled = false } = {}): AsyncGenerator<Uint8Array, void, undefined> {
    let out = Buffer.allocUnsafeSlow(chunkBytes);
    let other = recycled ? Buffer.allocUnsafeSlow(chunkBytes) : undefined;
    let length = 0;
    for (;;) {
      length = await this.#fill(out, length);
      const rows = length - copyEnd.length;
      if (this.#ended) {
        if (rows < 0 || copyEnd.compare(out, rows, length) !== 0) {
          throw damaged(`no end marker after ${this.#what}`, this.#cursor.offset);
        }
        if (rows > 0) yield out.subarray(0, rows);
        return;
      }
      const next = other ?? Buffer.allocUnsafeSlow(chunkBytes);
      out.copy(next, 0, rows, length);
      yield out.subarray(0, rows);
      if (recycled) other = out;
      out = next;
      length = copyEnd.length;
    }
  }

  /** Passes over what is left. */
  async skip(): Promise<void> {
    while (!this.#ended) await this.#fill(undefined, 0);
  }

  /** Fills `out` from `length` on, until it is full or the data end; without `out`, passes over one chunk. */
  async #fill(out: Buffer | undefined, start: number): Promise<number> {
    const cursor = this.#cursor;
    let length = start;
    for (;;) {
      const { chunk } = cursor;
      const end = chunk.length;
      let at = cursor.at;
      let left = this.#left;
      while (at < end) {
        if (left === 0) {
          if (end - at < 5) break;
          left =
            (chunk[at + 1] as number) |
            ((chunk[at + 2] as number) << 8) |
            ((chunk[at + 3] as number) << 16) |
            ((chunk[at + 4] as number) << 24);
          if (chunk[at] !== 0 || left < 0) throw damaged(`no valid length in ${this.#what}`, cursor.offset);
          at += 5;
          if (left === 0) {
            cursor.at = at;
            this.#ended = true;
            return length;
          }
          continue;
        }
        let take = Math.min(end - at, left);
        if (out !== undefined) {
          if (take > chunkBytes - length) take = chunkBytes - length;
          out.set(chunk.subarray(at, at + take), length);
          length += take;
        }
        at += take;
        left -= take;
        if (length === chunkBytes) {
          cursor.at = at;
          this.#left = left;
          return length;
        }
      }
      cursor.at = at;
      this.#left = left;
      if (at < end) {
        // A frame's length lies across two chunks of the source.
        this.#left = await cursor.integer(`the length of a frame of ${this.#what}`);
        if (this.#left < 0) throw damaged(`no valid length in ${this.#what}`, cursor.offset);
        if (this.#left === 0) {
          this.#ended = true;
          return length;
        }
      } else if (!(await cursor.more())) {
        throw damaged(`it ends in ${this.#what}`, cursor.offset);
      }
    }
  }
}

import { OperationError } from "../../../base/errors.ts";

/**
 * No string of a table of contents is longer than this: the longest are function bodies and, from PostgreSQL 18 on,
 * statistics. A damaged length must not become an allocation of gigabytes.
 */
const longestString = 256 * 1024 * 1024;

/** The error for an archive that does not read as one. Offsets are bytes from the archive's beginning. */
export function damaged(what: string, offset: number): OperationError {
  return new OperationError(
    "archive-damaged",
    `The pg_dump archive is damaged or cut off at byte ${offset}: ${what}.`,
    "Use another backup set; if this one is being made, look at how pg_dump ended and run the backup again.",
  );
}

/**
 * A place in a stream of bytes. Readers in a hurry use `chunk`, `at` and `more()` directly; the others ask for one value
 * at a time. Holds one chunk of the source and never more, except for a string that spans several.
 */
export class Cursor {
  chunk: Uint8Array = new Uint8Array(0);
  at = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #before = 0;
  readonly #decoder = new TextDecoder();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes of the stream before the cursor. */
  get offset(): number {
    return this.#before + this.at;
  }

  /** Makes sure that an unread byte is in `chunk`; false at the end of the stream. */
  async more(): Promise<boolean> {
    while (this.at >= this.chunk.length) {
      const { value, done } = await this.#source.next();
      if (done === true) return false;
      this.#before += this.chunk.length;
      this.chunk = value;
      this.at = 0;
    }
    return true;
  }

  /** Tells the source that nothing more will be read, so that it can let go of what it holds. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async byte(what: string): Promise<number> {
    if (this.at >= this.chunk.length && !(await this.more())) throw damaged(`it ends in ${what}`, this.offset);
    return this.chunk[this.at++] as number;
  }

  async bytes(length: number, what: string): Promise<Uint8Array> {
    if (this.chunk.length - this.at >= length) {
      this.at += length;
      return this.chunk.subarray(this.at - length, this.at);
    }
    const whole = new Uint8Array(length);
    for (let have = 0; have < length; ) {
      if (!(await this.more())) throw damaged(`it ends in ${what}`, this.offset);
      const piece = this.chunk.subarray(this.at, this.at + length - have);
      whole.set(piece, have);
      have += piece.length;
      this.at += piece.length;
    }
    return whole;
  }

  /** An archive's integer: a byte for the sign, then four bytes, the lowest first. */
  async integer(what: string): Promise<number> {
    const raw = await this.bytes(5, what);
    const sign = raw[0] as number;
    const value =
      ((raw[1] as number) | ((raw[2] as number) << 8) | ((raw[3] as number) << 16) | ((raw[4] as number) << 24)) >>> 0;
    if (sign > 1 || value > 0x80000000) throw damaged(`no valid number for ${what}`, this.offset);
    return sign === 1 ? -value : value;
  }

  /** An archive's string: its length in bytes, then that many; length -1 is NULL. */
  async string(what: string): Promise<string | null> {
    const length = await this.integer(`the length of ${what}`);
    if (length === -1) return null;
    if (length < 0 || length > longestString) throw damaged(`no valid length for ${what}`, this.offset);
    return this.#decoder.decode(await this.bytes(length, what));
  }
}

/** Of a large object, hashed and written at a time. */
export const pageBytes = 1_048_576;
const hexDigits = Buffer.from("0123456789abcdef", "latin1");

/**
 * Computes a large object's size and hash as postgres/rows/fingerprint does in SQL: the sum over its pages of 1 MiB of
 * `hashtextextended('<page number>:<hex of the page>', 0)`. Holds one page.
 */
interface LargeObjectHasher {
  push(chunk: Uint8Array): void;
  /** `bytes` and `hash` in decimal digits; the next object may follow. */
  finish(): { readonly bytes: string; readonly hash: string };
}

export function createLargeObjectHasher(): LargeObjectHasher {
  let sum = createHashSum();
  const text = new Uint8Array(pageBytes * 2 + 24);
  const words = new Int32Array(text.buffer);
  let page = 0;
  let length = 0;
  let bytes = 0;
  const begin = (): void => {
    length = Buffer.from(text.buffer).write(`${page}:`, 0, "latin1");
  };
  const end = (): void => {
    sum.add(words, text, length);
    page += 1;
    begin();
  };
  begin();
  return {
    push(chunk) {
      for (const byte of chunk) {
        text[length] = hexDigits[byte >> 4] as number;
        text[length + 1] = hexDigits[byte & 15] as number;
        length += 2;
        bytes += 1;
        if (bytes % pageBytes === 0) end();
      }
    },
    finish() {
      if (bytes % pageBytes !== 0) end();
      const found = { bytes: bytes.toString(), hash: sum.total() };
      sum = createHashSum();
      [page, bytes] = [0, 0];
      begin();
      return found;
    },
  };
}

/**
 * PostgreSQL's `hashtextextended(text, 0)` under a deterministic collation: Bob Jenkins's lookup3, as in
 * hash_bytes_extended of src/common/hashfn.c, the same since PostgreSQL 11 on little-endian machines, which all of
 * Supabase's and GitHub's are.
 */
interface HashSum {
  /** Adds the hash of the first `length` bytes of the buffer under `words`, from its beginning. */
  add(words: Int32Array, bytes: Uint8Array, length: number): void;
  /** Sum of the hashes as signed 64-bit numbers, in decimal digits; `0` for none. */
  total(): string;
}

/** Sums are kept in two doubles, which hold this many 32-bit halves exactly. */
const flushAfter = 1 << 20;

export function createHashSum(): HashSum {
  let high = 0;
  let low = 0;
  let pending = 0;
  let total = 0n;
  const flush = (): void => {
    total += BigInt(high) * 0x1_0000_0000n + BigInt(low);
    high = 0;
    low = 0;
    pending = 0;
  };
  return {
    add(words, bytes, length) {
      let a = (0x9e3779b9 + length + 3923095) | 0;
      let b = a;
      let c = a;
      let word = 0;
      let rest = length;
      for (; rest >= 12; rest -= 12, word += 3) {
        a = (a + (words[word] as number)) | 0;
        b = (b + (words[word + 1] as number)) | 0;
        c = (c + (words[word + 2] as number)) | 0;
        a = ((a - c) ^ ((c << 4) | (c >>> 28))) | 0;
        c = (c + b) | 0;
        b = ((b - a) ^ ((a << 6) | (a >>> 26))) | 0;
        a = (a + c) | 0;
        c = ((c - b) ^ ((b << 8) | (b >>> 24))) | 0;
        b = (b + a) | 0;
        a = ((a - c) ^ ((c << 16) | (c >>> 16))) | 0;
        c = (c + b) | 0;
        b = ((b - a) ^ ((a << 19) | (a >>> 13))) | 0;
        a = (a + c) | 0;
        c = ((c - b) ^ ((b << 4) | (b >>> 28))) | 0;
        b = (b + a) | 0;
      }
      // The last 0 to 11 bytes; the lowest byte of the third word is left to the length.
      const at = word * 4;
      for (let index = 0; index < rest; index += 1) {
        const byte = bytes[at + index] as number;
        if (index < 4) a = (a + (byte << (index * 8))) | 0;
        else if (index < 8) b = (b + (byte << ((index - 4) * 8))) | 0;
        else c = (c + (byte << ((index - 7) * 8))) | 0;
      }
      c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
      a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
      b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
      c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
      a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
      b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
      c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
      high += b;
      low += c >>> 0;
      pending += 1;
      if (pending === flushAfter) flush();
    },
    total() {
      flush();
      return total.toString();
    },
  };
}

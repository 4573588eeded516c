import { createHashSum } from "./lookup3.ts";

const pageBytes = 1_048_576;
const hexDigits = Buffer.from("0123456789abcdef", "latin1");

/**
 * Computes a large object's size and hash as postgres/rows/fingerprint does in SQL: the sum over its pages of 1 MiB of
 * `hashtextextended('<page number>:<hex of the page>', 0)`. Holds one page.
 */
export interface LargeObjectHasher {
  push(chunk: Uint8Array): void;
  /** `bytes` and `hash` in decimal digits. */
  finish(): { readonly bytes: string; readonly hash: string };
}

export function createLargeObjectHasher(): LargeObjectHasher {
  const sum = createHashSum();
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
      return { bytes: bytes.toString(), hash: sum.total() };
    },
  };
}

import type { Fingerprint } from "../../actions/lib/postgres/inventory/model.ts";
import { createHashSum } from "../../actions/lib/postgres/row-hash/large-object.ts";
import { malformed, type RowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";

const tab = 0x09;
const lineFeed = 0x0a;
const quote = 0x22;
const open = 0x28;
const close = 0x29;
const comma = 0x2c;
const [backslash, dot] = [0x5c, 0x2e];
const letterN = 0x4e;

/** What a byte means: nothing, the end of a field or row, that the value is to be quoted, doubled in quotes, an escape. */
const [plain, fieldEnd, rowEnd, quoted, doubled, escapes] = [0, 1, 2, 3, 4, 5];
const inText = new Uint8Array(256);
const inValue = new Uint8Array(256);
// isspace() in the C and UTF-8 locales, and what else record_out (rowtypes.c) puts into quotes.
for (const byte of [tab, lineFeed, 0x0b, 0x0c, 0x0d, 0x20, open, close, comma]) inText[byte] = inValue[byte] = quoted;
for (const byte of [quote, backslash]) inText[byte] = inValue[byte] = doubled;
inText[tab] = fieldEnd;
inText[lineFeed] = rowEnd;
inText[backslash] = escapes;

/** The letters that stand for control characters after a backslash (CopyReadAttributesText in copyfromparse.c). */
const control = new Uint8Array(256);
for (const [letter, byte] of Object.entries({ b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }))
  control[letter.charCodeAt(0)] = byte;
/** A backslash and three octal digits, or two hexadecimal ones after an x. */
const longestEscape = 4;
const usualBytes = 1 << 20;

/** The row hasher in plain JavaScript, a byte at a time: what the one in WebAssembly is compared with. */
export class PlainRowHasher implements RowHasher {
  readonly #columns: number;
  readonly #sum = createHashSum();
  #rows = 0;
  /** The row as record_out would write it, as far as it is known. */
  #out = new Uint8Array(usualBytes);
  #words = new Int32Array(this.#out.buffer);
  #length = 0;
  /** Where the value that is being written begins. */
  #valueAt = 0;
  #inQuotes = false;
  #isNull = false;
  #fields = 0;
  /** An escape that the last chunk ended in. */
  #carry = new Uint8Array(0);

  constructor(columns: number) {
    this.#columns = columns;
    this.#begin();
  }

  #begin(): void {
    this.#out[0] = open;
    this.#length = this.#valueAt = 1;
    this.#fields = 0;
    this.#inQuotes = this.#isNull = false;
  }

  push(chunk: Uint8Array): void {
    this.#take(chunk, false);
  }

  finish(): Fingerprint {
    this.#take(new Uint8Array(0), true);
    if (this.#length > 1 || this.#fields > 0) throw malformed("the last row is cut off", this.#rows);
    return { rows: this.#rows.toString(), hash: this.#sum.total() };
  }

  #take(chunk: Uint8Array, last: boolean): void {
    const text = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = new Uint8Array(0);
    // No byte of the input becomes more than three: an empty value becomes quotes and a comma.
    this.#reserve(this.#length + 3 * text.length + 8);
    const out = this.#out;
    const end = text.length;
    let length = this.#length;
    for (let at = 0; at < end; at += 1) {
      let byte = text[at] as number;
      let kind = inText[byte] as number;
      if (kind === plain) {
        out[length++] = byte;
        continue;
      }
      if (kind === fieldEnd || kind === rowEnd) {
        length = this.#endValue(out, length, kind === rowEnd);
        continue;
      }
      if (kind === escapes) {
        if (at + longestEscape > end && !last) {
          // A copy, also of a Buffer, whose own slice() is none: the chunk's memory may be used again.
          this.#carry = Uint8Array.from(text.subarray(at));
          break;
        }
        byte = text[at + 1] as number;
        at += 1;
        if (byte === letterN && length === this.#valueAt && !this.#inQuotes && isEnd(text[at + 1])) {
          this.#isNull = true;
          continue;
        }
        if (byte === dot && length === 1 && this.#fields === 0)
          throw malformed("an end marker stands among them", this.#rows);
        if (byte !== backslash) {
          const letter = control[byte] as number;
          if (letter !== 0) byte = letter;
          else {
            const size = numberLength(text, at);
            if (size > 0) byte = numberValue(text, at, size);
            if (size > 1) at += size - 1;
          }
        }
        kind = inValue[byte] as number;
      }
      if (kind !== plain && !this.#inQuotes) {
        this.#inQuotes = true;
        out.copyWithin(this.#valueAt + 1, this.#valueAt, length);
        out[this.#valueAt] = quote;
        length += 1;
      }
      if (kind === doubled) out[length++] = byte;
      out[length++] = byte;
    }
    this.#length = length;
  }

  /** Ends the value, and with it the row when it is the last; gives the new length of what is written. */
  #endValue(out: Uint8Array, written: number, endsRow: boolean): number {
    let length = written;
    if (this.#inQuotes) out[length++] = quote;
    else if (length === this.#valueAt && !this.#isNull && this.#columns > 0) {
      out[length++] = quote;
      out[length++] = quote;
    }
    this.#fields += 1;
    this.#inQuotes = this.#isNull = false;
    if (!endsRow) {
      out[length++] = comma;
      this.#valueAt = length;
      return length;
    }
    // A table without columns has empty lines, which look like one empty value.
    if (this.#fields !== Math.max(this.#columns, 1) || (this.#columns === 0 && length > 1)) {
      throw malformed(`${this.#fields} columns where there should be ${this.#columns}`, this.#rows);
    }
    out[length++] = close;
    this.#sum.add(this.#words, out, length);
    this.#rows += 1;
    this.#begin();
    return this.#length;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#out.length && (this.#out.length === usualBytes || bytes > usualBytes)) return;
    const size = bytes <= usualBytes ? usualBytes : Math.ceil((bytes * 1.25) / 4) * 4;
    const larger = new Uint8Array(size);
    larger.set(this.#out.subarray(0, this.#length));
    this.#out = larger;
    this.#words = new Int32Array(larger.buffer);
  }
}

function isEnd(byte: number | undefined): boolean {
  return byte === tab || byte === lineFeed;
}

const isOctal = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x37;
const isHex = (byte: number | undefined) => byte !== undefined && /[0-9a-f]/i.test(String.fromCharCode(byte));

/** How many bytes from `at` on are a number after a backslash: up to three octal digits, or an x and up to two of base 16. */
function numberLength(text: Uint8Array, at: number): number {
  if (text[at] === 0x78) return isHex(text[at + 1]) ? (isHex(text[at + 2]) ? 3 : 2) : 0;
  if (!isOctal(text[at])) return 0;
  return isOctal(text[at + 1]) ? (isOctal(text[at + 2]) ? 3 : 2) : 1;
}

function numberValue(text: Uint8Array, at: number, size: number): number {
  const digits = Buffer.from(text.subarray(at, at + size)).toString("latin1");
  return (digits.startsWith("x") ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 8)) & 0xff;
}

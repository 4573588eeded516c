/**
 * Turns COPY's text format into NDJSON as the export writes it, byte by byte: for rows that are too long for the server to
 * write as JSON. COPY's escapes are JSON's too, but for the vertical tab; quotes and control characters are escaped here.
 */
export class CopyToNdjson {
  readonly #keys: readonly Buffer[];
  #column = 0;
  #valueBegins = true;
  #isNull = false;
  /** A backslash that the last chunk ended in. */
  #escaped = false;
  #out = Buffer.alloc(0);
  #length = 0;

  constructor(columns: readonly string[]) {
    this.#keys = columns.map((name, place) => Buffer.from(`${place === 0 ? "{" : ","}${JSON.stringify(name)}:`));
  }

  push(chunk: Uint8Array): Uint8Array {
    this.#out = Buffer.allocUnsafe(chunk.length * 2 + 1024);
    this.#length = 0;
    for (const byte of chunk) {
      if (this.#escaped) this.#escape(byte);
      else if (byte === backslash) this.#escaped = true;
      else if (byte === lineFeed || byte === tab) this.#endValue(byte === lineFeed);
      else this.#text(byte);
    }
    return this.#out.subarray(0, this.#length);
  }

  #escape(letter: number): void {
    this.#escaped = false;
    if (letter === letterN) {
      this.#begin();
      this.#isNull = true;
      this.#write(nullWord);
      return;
    }
    this.#beginText();
    if (letter === letterV) this.#write(verticalTab);
    else this.#write([backslash, letter]);
  }

  #text(byte: number): void {
    this.#beginText();
    if (byte === quote) this.#write([backslash, quote]);
    else if (byte < 0x20) this.#write(Buffer.from(`\\u00${byte.toString(16).padStart(2, "0")}`));
    else this.#write([byte]);
  }

  #endValue(ofRow: boolean): void {
    if (this.#keys.length > 0) {
      this.#beginText();
      if (!this.#isNull) this.#write([quote]);
    } else this.#write([openBrace]);
    this.#isNull = false;
    this.#valueBegins = true;
    this.#column = ofRow ? 0 : this.#column + 1;
    if (ofRow) this.#write([closeBrace, lineFeed]);
  }

  #begin(): void {
    this.#valueBegins = false;
    this.#write(this.#keys[this.#column] ?? []);
  }

  #beginText(): void {
    if (!this.#valueBegins) return;
    this.#begin();
    this.#write([quote]);
  }

  #write(bytes: ArrayLike<number>): void {
    if (this.#length + bytes.length > this.#out.length) {
      const larger = Buffer.allocUnsafe(this.#out.length * 2 + bytes.length);
      this.#out.copy(larger, 0, 0, this.#length);
      this.#out = larger;
    }
    for (let at = 0; at < bytes.length; at += 1) this.#out[this.#length++] = bytes[at] ?? 0;
  }
}

const [tab, lineFeed, quote, letterN, backslash, letterV, openBrace, closeBrace] = [
  0x09, 0x0a, 0x22, 0x4e, 0x5c, 0x76, 0x7b, 0x7d,
];
const nullWord = Buffer.from("null");
const verticalTab = Buffer.from("\\u000b");

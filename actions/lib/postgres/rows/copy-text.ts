import { OperationError } from "../../base/errors.ts";

/**
 * Turns a table's NDJSON back into COPY's text format, byte by byte, in constant memory: what `\copy … from` and the row
 * hasher take. JSON's escapes are COPY's too but for the quote, the slash and numbers; values pass through otherwise.
 */
interface NdjsonReader {
  /**
   * The COPY text of the next bytes, cut anywhere.
   * @throws OperationError `export-malformed` when a line is not an object of exactly the columns, in their order
   */
  push(chunk: Uint8Array): Uint8Array;
  /** @throws OperationError `export-malformed` when the last line is cut off */
  finish(): void;
}

const [quote, backslash, lineFeed, tab, comma, colon, open, close] = [0x22, 0x5c, 0x0a, 0x09, 0x2c, 0x3a, 0x7b, 0x7d];
const [lineBegin, keyBegin, inKey, afterKey, valueBegin, inValue, inNull, afterValue, lineEnd] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
];
const nullWord = Buffer.from("null");

export function createNdjsonReader(columns: readonly string[]): NdjsonReader {
  return new NdjsonToCopy(columns);
}

class NdjsonToCopy implements NdjsonReader {
  readonly #keys: readonly Buffer[];
  #state = lineBegin;
  #column = 0;
  #row = 0;
  /** How much of the expected key, or of `null`, has been seen. */
  #seen = 0;
  /** An escape that the last chunk ended in. */
  #carry = new Uint8Array(0);

  constructor(columns: readonly string[]) {
    this.#keys = columns.map((name) => Buffer.from(JSON.stringify(name).slice(1)));
  }

  push(chunk: Uint8Array): Uint8Array {
    const text = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = new Uint8Array(0);
    const out = Buffer.allocUnsafe(text.length + 8);
    let length = 0;
    for (let at = 0; at < text.length; at += 1) {
      const byte = text[at] as number;
      if (this.#state === inValue) {
        if (byte === quote) this.#state = afterValue;
        else if (byte !== backslash) out[length++] = byte;
        else {
          const size = escapeLength(text, at);
          if (size === 0) {
            this.#carry = text.slice(at);
            break;
          }
          length = this.#unescape(text, at, size, out, length);
          at += size - 1;
        }
        continue;
      }
      length = this.#between(byte, out, length);
    }
    return out.subarray(0, length);
  }

  finish(): void {
    if (this.#state !== lineBegin || this.#carry.length > 0) throw this.#malformed("the last line is cut off");
  }

  /** Everything outside of values: braces, keys, commas, `null`. */
  #between(byte: number, out: Buffer, length: number): number {
    switch (this.#state) {
      case lineBegin:
        this.#expect(byte, open);
        this.#column = 0;
        this.#state = this.#keys.length === 0 ? afterValue : keyBegin;
        return length;
      case keyBegin:
        this.#expect(byte, quote);
        this.#seen = 0;
        this.#state = inKey;
        return length;
      case inKey: {
        const key = this.#keys[this.#column] as Buffer;
        if (key[this.#seen] !== byte) throw this.#malformed(`column ${this.#column + 1} is another`);
        this.#seen += 1;
        if (this.#seen === key.length) this.#state = afterKey;
        return length;
      }
      case afterKey:
        this.#expect(byte, colon);
        this.#state = valueBegin;
        return length;
      case valueBegin:
        this.#state = byte === quote ? inValue : inNull;
        if (byte === quote) return length;
        this.#seen = 1;
        if (byte !== nullWord[0]) throw this.#malformed("a value is neither text nor null");
        out[length] = backslash;
        out[length + 1] = 0x4e;
        return length + 2;
      case inNull:
        this.#expect(byte, nullWord[this.#seen] as number);
        this.#seen += 1;
        if (this.#seen === nullWord.length) this.#state = afterValue;
        return length;
      case afterValue:
        return this.#endValue(byte, out, length);
      default:
        this.#expect(byte, lineFeed);
        this.#state = lineBegin;
        this.#row += 1;
        out[length] = lineFeed;
        return length + 1;
    }
  }

  #endValue(byte: number, out: Buffer, length: number): number {
    if (byte === close) {
      if (this.#keys.length > 0 && this.#column !== this.#keys.length - 1) throw this.#malformed("columns are missing");
      this.#state = lineEnd;
      return length;
    }
    this.#expect(byte, comma);
    this.#column += 1;
    if (this.#column >= this.#keys.length) throw this.#malformed("there are more columns");
    this.#state = keyBegin;
    out[length] = tab;
    return length + 1;
  }

  #unescape(text: Uint8Array, at: number, size: number, out: Buffer, length: number): number {
    const letter = text[at + 1] as number;
    if (size === 2) {
      if (letter === quote || letter === 0x2f) out[length++] = letter;
      else {
        out[length++] = backslash;
        out[length++] = letter;
      }
      return length;
    }
    const written = Buffer.from(text.subarray(at, at + size)).toString("latin1");
    const value = /^(\\u[0-9a-fA-F]{4})+$/.test(written) ? (JSON.parse(`"${written}"`) as string) : "";
    if (value === "" || value === "\0" || !value.isWellFormed()) throw this.#malformed("an escape is not JSON's");
    const bytes = Buffer.from(
      value === "\\" ? "\\\\" : value.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r"),
    );
    return length + bytes.copy(out, length);
  }

  #expect(byte: number, wanted: number): void {
    if (byte !== wanted) throw this.#malformed("it is not as the export writes it");
  }

  #malformed(what: string): OperationError {
    return new OperationError(
      "export-malformed",
      `Line ${this.#row + 1} of the JSON export cannot be used: ${what}.`,
      "Use another backup set, and report this one.",
    );
  }
}

/** Bytes of the escape at `at`: 2, 6, or 12 for a pair of surrogates; 0 when more bytes are needed to know. */
function escapeLength(text: Uint8Array, at: number): number {
  const letter = text[at + 1];
  if (letter === undefined) return 0;
  if (letter !== 0x75) return 2;
  if (at + 6 > text.length) return 0;
  const high = /^[dD][89abAB]/.test(String.fromCharCode(text[at + 2] as number, text[at + 3] as number));
  if (!high) return 6;
  return at + 12 > text.length ? 0 : 12;
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** One field of COPY text as its value (PostgreSQL's manual, COPY, text format). */
export function unescapeCopy(field: string): string | null {
  if (field === "\\N") return null;
  return field.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

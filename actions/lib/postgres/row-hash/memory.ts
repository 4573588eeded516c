import { type Code, getGlobal, setGlobal } from "./webassembly.ts";

export const pageBytes = 65_536;

export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export interface Program {
  readonly [Symbol.toStringTag]?: string;
}

/** What is used of WebAssembly's interface to JavaScript, of which the type library for Node says nothing. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => Program;
  readonly Instance: new (program: Program, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (size: { readonly initial: number }) => Memory;
}

const engine: Engine = Reflect.get(globalThis, "WebAssembly");

export function compileProgram(bytes: Uint8Array): Program {
  return new engine.Module(bytes);
}

/** @param memories by the names under which the program imports them */
export function instantiate(program: Program, memories: Readonly<Record<string, Memory>>) {
  return new engine.Instance(program, { memory: memories }).exports;
}

/** @param pages of 64 KiB */
export function newMemory(pages: number): Memory {
  return new engine.Memory({ initial: pages });
}

/** A piece that lies elsewhere is copied, so much at a time; and a vector may be read beyond the end. */
export const pieceBytes = 65_536;
const copiedBytes = pieceBytes + pageBytes;

/**
 * Where the text to be hashed lies: a memory that the hasher reads without a copy. It never grows, so that others may write
 * into it: a socket whose bytes are to be hashed, and compressed, where they were received.
 */
export class RowInput {
  readonly memory: Memory;
  /** For whoever receives the text; what lies elsewhere is hashed all the same, after a copy. */
  readonly bytes: Uint8Array;
  readonly #copied: Uint8Array;

  /** @param bytes how many may be received at a time */
  constructor(bytes: number) {
    const pages = Math.ceil((bytes + copiedBytes) / pageBytes);
    this.memory = newMemory(pages);
    this.bytes = new Uint8Array(this.memory.buffer, 0, bytes);
    this.#copied = new Uint8Array(this.memory.buffer, bytes, pieceBytes);
  }

  /** @returns where in the memory the piece begins, until the next piece is placed */
  place(piece: Uint8Array): number {
    if (piece.buffer === this.memory.buffer) return piece.byteOffset;
    this.#copied.set(piece);
    return this.#copied.byteOffset;
  }
}

/** What stands where in the memory of the row hasher, and what it remembers from one piece of text to the next. */

/** The program's two memories: the row and what is needed to write it, and the text that is to be taken. */
export const memories = ["row", "input"] as const;
/** The pairing program's third one takes the hashes of the rows of one piece: a row is a byte at least. */
export const pairingMemories = [...memories, "pairs"] as const;
export const pairBytes = 16;
export const pairsPages = (pieceBytes * pairBytes) / pageBytes;
/** Where the row stands as it is hashed, behind one byte. It may grow to the end of its memory. */
export const rowAt = 0x6000;
export const usualPages = 8;

// What the keyed and the pairing program have below the row. A table has 1,600 columns at most (MaxHeapAttributeNumber).
export const mostColumns = 1600;
/** The hash that was computed last. */
export const hashAt = 0x200;
/** Places of the key's columns (INDEX_MAX_KEYS), and of those of the row that are compared. */
export const mostKeyColumns = 32;
export const [keyListAt, rowListAt] = [0x400, 0x480];
/** Where each value of the row ends, behind the place before the first. */
export const endsAt = 0x2000;
export const buckets = 1024;
export const bucketsAt = 0x4000;

// Classes of bytes, for the byte that stops the sixteen.
export const classesAt = 0;
export const [quotedClass, doubledClass] = [1, 2];
// Tables by which a byte's lower and upper half tell whether it needs a look: outside of quotes, within them, where there are none.
export const [lowPlain, lowQuoted, high, lowBare] = [256, 272, 288, 304];

export const [tab, lineFeed, space, quote, open, close, comma, backslash] = [9, 10, 0x20, 0x22, 0x28, 0x29, 0x2c, 0x5c];
/** Between the values of a row that is paired, and in the place of a NULL: the separators of units and records. */
export const [betweenValues, nullMark] = [0x1f, 0x1e];
export const letter = (text: string) => text.charCodeAt(0);

/** isspace() in the C and UTF-8 locales, and what else record_out (rowtypes.c) puts into quotes. */
const quotedBytes = [tab, lineFeed, 0x0b, 0x0c, 0x0d, space, open, close, comma];
const doubledBytes = [quote, backslash];
/** The letters that stand for control characters after a backslash (CopyReadAttributesText in copyfromparse.c). */
export const letters = Object.entries({ b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 });

const classes = Array.from({ length: 256 }, (_, byte) =>
  quotedBytes.includes(byte) ? quotedClass : doubledBytes.includes(byte) ? doubledClass : 0,
);
/** A bit for each upper half that special bytes have: 0, 2 and 5. */
const bitOf = (byte: number): number => ({ 0: 1, 2: 2, 5: 4 })[byte >> 4] ?? 0;
const halves = (bytes: readonly number[], half: (byte: number) => number) =>
  Array.from({ length: 16 }, (_, index) =>
    bytes.filter((byte) => half(byte) === index).reduce((bits, byte) => bits | bitOf(byte), 0),
  );
const lower = (byte: number) => byte & 15;
const upper = (byte: number) => byte >> 4;

export const data = [
  { at: classesAt, bytes: classes },
  { at: lowPlain, bytes: halves([...quotedBytes, ...doubledBytes], lower) },
  { at: lowQuoted, bytes: halves([tab, lineFeed, ...doubledBytes], lower) },
  { at: lowBare, bytes: halves([tab, lineFeed, backslash], lower) },
  { at: high, bytes: halves([...quotedBytes, ...doubledBytes], upper) },
  { at: rowAt, bytes: [open] },
];
export const keyedData = [...data, { at: endsAt, bytes: [...Buffer.from(Uint32Array.of(rowAt).buffer)] }];

const names = [
  /** The place after the row's last byte; where the value that is being written begins. */
  ...["length", "valueAt"],
  ...["inQuotes", "fields", "columns"],
  /** Columns of the key and of the compared part (0: all of the row), pairs of the piece. */
  ...["keyColumns", "rowColumns", "pairs"],
  /** What the last bytes were the beginning of; the value of a number in an escape, and its digits so far. */
  ...["state", "value", "digits"],
  /** Why the rows are not as COPY writes them: `malformedRow`, `malformedEnd`; 0 when they are. */
  "error",
] as const;
const sums = ["rows", "high", "low"] as const;
/** What a module exports as its state. */
export const variables = [...names, ...sums];
export type Variables = (typeof variables)[number];
export const globals = [...names.map((name) => [name, "i32"] as const), ...sums.map((name) => [name, "i64"] as const)];
const index = (name: Variables) => globals.findIndex(([known]) => known === name);
export const read = (name: Variables) => getGlobal(index(name));
export const write = (name: Variables, value: Code) => setGlobal(index(name), value);

/** A row has another number of columns; COPY's end marker stands in a row's place. */
export const [malformedRow, malformedEnd] = [1, 2];
export const [plainState, escapeState, nullState, octalState, hexState] = [0, 1, 2, 3, 4];

import { OperationError } from "../../base/errors.ts";
import type { Fingerprint } from "../inventory/model.ts";
import {
  buckets,
  bucketsAt,
  compileProgram,
  instantiate,
  keyListAt,
  type Memory,
  malformedEnd,
  mostColumns,
  mostKeyColumns,
  newMemory,
  type Program,
  pageBytes,
  pairsPages,
  pieceBytes,
  RowInput,
  rowAt,
  rowListAt,
  usualPages,
  type Variables,
  variables,
} from "./memory.ts";
import { keyedProgram, pairingProgram, rowHashProgram } from "./program.ts";

/**
 * Computes a table's fingerprint from its rows in COPY's text format, without a database: each line is turned into what
 * `ROW(columns)::text` gives for it, and that is hashed as `hashtextextended` does. See postgres/rows/fingerprint.
 *
 * Holds one row. The database's encoding has to be one in which ASCII bytes stand for themselves only and no other byte
 * is white space, as in UTF-8.
 */
export interface RowHasher {
  /**
   * Takes the next bytes, cut anywhere.
   * @throws OperationError `rows-malformed` when a row has not the expected number of columns
   */
  push(chunk: Uint8Array): void;
  /** @throws OperationError `rows-malformed` when the last row is cut off */
  finish(): Fingerprint;
}

/** By what the rows of a table are divided. */
export interface Keyed {
  /** Places, from 0, of the key's columns in the key's order. */
  readonly key: readonly number[];
}

export interface KeyedRowHasher extends RowHasher {
  /** For each bucket, the key's hash modulo 1,024, the sum of what its rows' hashes are, modulo 2^64. */
  finish(): Fingerprint & { readonly buckets: BigInt64Array };
}

interface Exports {
  takeText(from: number, to: number): void;
  readonly [global: string]: unknown;
}

/** A form of the program and the spare instances of it. Assembled when it is first needed. */
class Form {
  readonly spare = new WeakMap<RowInput, Instance[]>();
  readonly #assemble: () => Uint8Array<ArrayBuffer>;
  #program: Program | undefined;

  constructor(assemble: () => Uint8Array<ArrayBuffer>) {
    this.#assemble = assemble;
  }

  get program(): Program {
    this.#program ??= compileProgram(this.#assemble());
    return this.#program;
  }
}

export const [plainForm, keyedForm, pairingForm] = [
  new Form(rowHashProgram),
  new Form(keyedProgram),
  new Form(pairingProgram),
];

let pairs: Memory | undefined;
/** Filled and read within one call, so that all have one. */
const pairsMemory = (): Memory => (pairs ??= newMemory(pairsPages));

const usualBytes = usualPages * pageBytes;
/** An empty value, one byte, becomes quotes and a comma; and some room for what is stored sixteen bytes at a time. */
const roomFor = (bytes: number): number => 3 * bytes + 64;

interface Variable {
  value: number | bigint;
}

/**
 * State of one table at a time: an instance of the program with a memory of its own. Instances go from table to table: one
 * for each of thousands of tables would be half a gigabyte of memories.
 */
export class Instance {
  readonly #form: Form;
  readonly #input: RowInput;
  #memory: Memory;
  #exports: Exports;
  #bytes: Uint8Array;

  private constructor(form: Form, input: RowInput) {
    this.#form = form;
    this.#input = input;
    this.#memory = newMemory(usualPages);
    this.#exports = this.#instantiate();
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  static take(form: Form, columns: number, input: RowInput): Instance {
    const instance = form.spare.get(input)?.pop() ?? new Instance(form, input);
    for (const name of variables) {
      const variable = instance.#variable(name);
      variable.value = typeof variable.value === "bigint" ? 0n : 0;
    }
    instance.#variable("length").value = rowAt + 1;
    instance.#variable("valueAt").value = rowAt + 1;
    instance.#variable("columns").value = columns;
    return instance;
  }

  #instantiate(): Exports {
    const memories = { row: this.#memory, input: this.#input.memory };
    if (this.#form !== pairingForm) return instantiate(this.#form.program, memories) as Exports;
    return instantiate(this.#form.program, { ...memories, pairs: pairsMemory() }) as Exports;
  }

  #variable(name: Variables, exports = this.#exports): Variable {
    return exports[name] as Variable;
  }

  read(name: Variables): number {
    return Number(this.#variable(name).value);
  }

  get rows(): bigint {
    return BigInt(this.#variable("rows").value);
  }

  /**
   * Of an instance of another form than the plain one: the places of the key's columns, and of those of the row that are compared;
   * none: the key is what is compared, all of the row is.
   */
  choose(key: readonly number[], row: readonly number[] = []): void {
    const columns = this.read("columns");
    const lists = [
      { name: "keyColumns", at: keyListAt, most: mostKeyColumns, places: key },
      { name: "rowColumns", at: rowListAt, most: mostColumns, places: row },
    ] as const;
    for (const { name, at, most, places } of lists) {
      const known = places.every((place) => Number.isInteger(place) && place >= 0 && place < columns);
      if (!known || places.length > most || columns > mostColumns || new Set(places).size < places.length) {
        throw new RangeError(`${places.length} places of ${columns} columns are not what a row can have`);
      }
      this.#variable(name).value = places.length;
      new Uint32Array(this.#memory.buffer, at, places.length).set(places);
    }
    this.#buckets().fill(0n);
  }

  #buckets(): BigInt64Array {
    return new BigInt64Array(this.#memory.buffer, bucketsAt, buckets);
  }

  /** A copy. */
  get buckets(): BigInt64Array {
    return this.#buckets().slice();
  }

  /** @param piece at most `pieceBytes` @returns its pairs, until the next call of whichever instance */
  takePairs(piece: Uint8Array): BigInt64Array {
    this.#variable("pairs").value = 0;
    this.takeText(piece);
    return new BigInt64Array(pairsMemory().buffer, 0, 2 * this.read("pairs"));
  }

  /** @param piece at most `pieceBytes` */
  takeText(piece: Uint8Array): void {
    this.#makeRoom(piece.length);
    const from = this.#input.place(piece);
    this.#exports.takeText(from, from + piece.length);
    this.#assertWell();
  }

  /** The row may need more than there is; after a large one, a new and small memory takes the place of the grown one. */
  #makeRoom(bytes: number): void {
    const length = this.read("length");
    // The other forms write values of the row once more behind it.
    const needed = this.#form === plainForm ? length + roomFor(bytes) : 2 * (length + roomFor(bytes));
    const has = this.#bytes.length;
    if (needed > has) {
      this.#memory.grow(Math.ceil(Math.max(needed - has, (length - rowAt) / 4) / pageBytes));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    } else if (has > usualBytes && needed <= usualBytes) {
      const [before, row] = [this.#exports, this.#bytes.subarray(0, length)];
      this.#memory = newMemory(usualPages);
      this.#exports = this.#instantiate();
      for (const name of variables) this.#variable(name).value = this.#variable(name, before).value;
      this.#bytes = new Uint8Array(this.#memory.buffer);
      this.#bytes.set(row);
    }
  }

  /** @throws OperationError `rows-malformed` */
  #assertWell(): void {
    const error = this.read("error");
    if (error === 0) return;
    if (error === malformedEnd) throw malformed("an end marker stands among them", this.rows);
    throw malformed(`${this.read("fields")} columns where there should be ${this.read("columns")}`, this.rows);
  }

  /** The result; the instance belongs to the next table then. */
  finish(): Fingerprint {
    if (this.read("length") > rowAt + 1 || this.read("fields") > 0 || this.read("state") !== 0) {
      throw malformed("the last row is cut off", this.rows);
    }
    const [high, low] = [this.#variable("high").value, this.#variable("low").value];
    const hash = BigInt(high) * 0x1_0000_0000n + BigInt(low);
    const fingerprint = { rows: this.rows.toString(), hash: hash.toString() };
    if (this.#bytes.length === usualBytes) {
      const { spare } = this.#form;
      spare.set(this.#input, [...(spare.get(this.#input) ?? []), this]);
    }
    return fingerprint;
  }
}

let elsewhere: RowInput | undefined;
/** For text that lies in ordinary memory: each piece is done with before the next is placed. */
export const ordinaryInput = (): RowInput => (elsewhere ??= new RowInput(0));

class TextHasher implements RowHasher {
  readonly #instance: Instance;
  #result: Fingerprint | undefined;

  constructor(columns: number, input: RowInput | undefined) {
    this.#instance = Instance.take(plainForm, columns, input ?? ordinaryInput());
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      this.#instance.takeText(chunk.subarray(at, at + pieceBytes));
    }
  }

  finish(): Fingerprint {
    if (this.#result !== undefined) return this.#result;
    this.#result = this.#instance.finish();
    return this.#result;
  }
}

class KeyedTextHasher implements KeyedRowHasher {
  readonly #instance: Instance;
  #result: (Fingerprint & { readonly buckets: BigInt64Array }) | undefined;

  constructor(columns: number, input: RowInput | undefined, keyed: Keyed) {
    this.#instance = Instance.take(keyedForm, columns, input ?? ordinaryInput());
    this.#instance.choose(keyed.key);
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      this.#instance.takeText(chunk.subarray(at, at + pieceBytes));
    }
  }

  finish(): Fingerprint & { readonly buckets: BigInt64Array } {
    if (this.#result !== undefined) return this.#result;
    const { buckets } = this.#instance;
    this.#result = { ...this.#instance.finish(), buckets };
    return this.#result;
  }
}

/**
 * A hasher for rows as COPY sends them.
 * @param input where the text lies; with it, chunks of its memory are not copied
 * @param keyed with it, sums of the rows' hashes are divided by the hash of their key
 */
export function createRowHasher(columnCount: number, input: RowInput | undefined, keyed: Keyed): KeyedRowHasher;
export function createRowHasher(columnCount: number, input?: RowInput): RowHasher;
export function createRowHasher(columnCount: number, input?: RowInput, keyed?: Keyed): RowHasher {
  return keyed === undefined ? new TextHasher(columnCount, input) : new KeyedTextHasher(columnCount, input, keyed);
}

export function malformed(what: string, row: number | bigint): OperationError {
  return new OperationError(
    "rows-malformed",
    `Rows in the dump are not as COPY writes them: ${what}, after ${row} rows.`,
    "Use another backup set, and report this one.",
  );
}

import { OperationError } from "../../base/errors.ts";
import type { Fingerprint } from "../inventory/model.ts";
import {
  compileProgram,
  instantiate,
  type Memory,
  malformedEnd,
  newMemory,
  type Program,
  pageBytes,
  pieceBytes,
  RowInput,
  rowAt,
  usualPages,
  type Variables,
  variables,
} from "./memory.ts";
import { rowHashProgram } from "./program.ts";

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

interface Exports {
  takeText(from: number, to: number): void;
  readonly [global: string]: unknown;
}

let program: Program | undefined;
/** The assembled module, made when it is first needed. */
const theProgram = (): Program => (program ??= compileProgram(rowHashProgram()));

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
class Instance {
  static readonly #spare = new WeakMap<RowInput, Instance[]>();
  readonly #input: RowInput;
  #memory: Memory;
  #exports: Exports;
  #bytes: Uint8Array;

  private constructor(input: RowInput) {
    this.#input = input;
    this.#memory = newMemory(usualPages);
    this.#exports = this.#instantiate();
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  static take(columns: number, input: RowInput): Instance {
    const instance = Instance.#spare.get(input)?.pop() ?? new Instance(input);
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
    return instantiate(theProgram(), { row: this.#memory, input: this.#input.memory }) as Exports;
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
    const needed = length + roomFor(bytes);
    const has = this.#bytes.length;
    if (needed > has) {
      this.#memory.grow(Math.ceil(Math.max(needed - has, (length - rowAt) / 4) / pageBytes));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    } else if (has > usualBytes && needed <= usualBytes) {
      const [before, row] = [this.#exports, this.#bytes.subarray(rowAt, length)];
      this.#memory = newMemory(usualPages);
      this.#exports = this.#instantiate();
      for (const name of variables) this.#variable(name).value = this.#variable(name, before).value;
      this.#bytes = new Uint8Array(this.#memory.buffer);
      this.#bytes.set(row, rowAt);
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
    if (this.read("length") > rowAt + 1 || this.read("fields") > 0) {
      throw malformed("the last row is cut off", this.rows);
    }
    const [high, low] = [this.#variable("high").value, this.#variable("low").value];
    const hash = BigInt(high) * 0x1_0000_0000n + BigInt(low);
    const fingerprint = { rows: this.rows.toString(), hash: hash.toString() };
    if (this.#bytes.length === usualBytes) {
      Instance.#spare.set(this.#input, [...(Instance.#spare.get(this.#input) ?? []), this]);
    }
    return fingerprint;
  }
}

let elsewhere: RowInput | undefined;
/** Of text that lies in ordinary memory: each piece is done with before the next is placed. */
const ordinaryInput = (): RowInput => (elsewhere ??= new RowInput(0));

class TextHasher implements RowHasher {
  readonly #instance: Instance;
  #result: Fingerprint | undefined;

  constructor(columns: number, input: RowInput | undefined) {
    this.#instance = Instance.take(columns, input ?? ordinaryInput());
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      this.#instance.takeText(chunk.subarray(at, at + pieceBytes));
    }
  }

  finish(): Fingerprint {
    if (this.#result !== undefined) return this.#result;
    if (this.#instance.read("state") !== 0) throw malformed("the last row is cut off", this.#instance.rows);
    this.#result = this.#instance.finish();
    return this.#result;
  }
}

/**
 * A hasher for rows as COPY sends them.
 * @param input where the text lies; with it, chunks of its memory are not copied
 */
export function createRowHasher(columnCount: number, input?: RowInput): RowHasher {
  return new TextHasher(columnCount, input);
}

export function malformed(what: string, row: number | bigint): OperationError {
  return new OperationError(
    "rows-malformed",
    `Rows in the dump are not as COPY writes them: ${what}, after ${row} rows.`,
    "Use another backup set, and report this one.",
  );
}

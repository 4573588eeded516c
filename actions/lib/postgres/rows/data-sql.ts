import { OperationError } from "../../base/errors.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified, tableName } from "../identifier.ts";
import type { SequenceValue, TableContent } from "../inventory/model.ts";

/**
 * Rows as plain SQL, which psql takes and no reader of ours has to parse: a constant header, then a block for each table, its
 * statement, COPY's text and `\.`. Whoever reads knows from the inventory which statement comes next and compares its bytes:
 * a name can hold whatever it likes.
 */

type Copied = Pick<TableContent, "schema" | "name" | "columns">;

/** What the file begins with: the settings that pg_dump makes ahead of rows (pg_backup_archiver.c, _doSetFixedOutputState). */
export const dataHeader: Uint8Array = Buffer.from(
  [
    "SET statement_timeout = 0;",
    "SET lock_timeout = 0;",
    "SET idle_in_transaction_session_timeout = 0;",
    "SET client_encoding = 'UTF8';",
    "SET standard_conforming_strings = on;",
    "SELECT pg_catalog.set_config('search_path', '', false);",
    "SET check_function_bodies = false;",
    "SET xmloption = content;",
    "SET client_min_messages = warning;",
    "SET row_security = off;",
    "",
  ].join("\n"),
);

/** `COPY "public"."exams" ("id", "price") FROM stdin;`: without generated columns, and without a list where there are none. */
export function copyStatement({ schema, name, columns }: Copied): string {
  const list = columns.length === 0 ? "" : ` (${columns.map(quoteIdentifier).join(", ")})`;
  return `COPY ${quoteQualified(schema, name)}${list} FROM stdin;`;
}

/** What stands between the block before (or the header) and the table's first row. */
export function blockBegin(table: Copied): Uint8Array {
  return Buffer.from(`\n${copyStatement(table)}\n`);
}

/** What stands behind the last row, which ends with a line feed. */
export const blockEnd: Uint8Array = Buffer.from("\\.\n");

/** The file of sequences' values: the header and a `setval` for each, in this order. */
export function sequencesSql(sequences: readonly SequenceValue[]): Uint8Array {
  const lines = sequences.map(
    ({ schema, name, lastValue, isCalled }) =>
      `SELECT pg_catalog.setval(${quoteLiteral(quoteQualified(schema, name))}, ${lastValue}, ${isCalled});\n`,
  );
  return Buffer.concat([dataHeader, Buffer.from(`\n${lines.join("")}`)]);
}

/** The rows of one table in a file, or a slice of them. */
export interface DataBlock<Table extends Copied = TableContent> {
  readonly table: Table;
  /** The text that `COPY … FROM STDIN` takes, cut anywhere, in the source's memory. To be read once. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
}

/**
 * The blocks of a file, each to be read before the next is asked for; what is not read is skipped. Constant memory. Ends well
 * only when the file holds exactly these blocks.
 * @param tables whose rows have to be there, in the order of the blocks
 * @throws OperationError `rows-malformed`; what `plain` throws
 */
export async function* readDataSql<Table extends Copied>(
  plain: AsyncIterable<Uint8Array>,
  tables: readonly Table[],
): AsyncGenerator<DataBlock<Table>, void, undefined> {
  const file = new FileText(plain);
  try {
    await file.expect(dataHeader, "it does not begin as a data file");
    for (const table of tables) {
      const name = tableName(table);
      await file.expect(blockBegin(table), `the rows of ${name} do not come next`);
      const rows = new BlockText(file, name);
      yield { table, chunks: () => rows.chunks() };
      while ((await rows.next()) !== undefined);
    }
    if ((await file.next()) !== undefined) throw file.malformed("something follows the last rows");
  } finally {
    await file.close();
  }
}

/** The bytes of a file, of which whoever took some gives back what is not theirs. */
class FileText {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next bytes, never none; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    let rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    while (rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) return undefined;
      rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    this.#offset += rest.length;
    return rest;
  }

  giveBack(rest: Buffer): void {
    this.#rest = rest;
    this.#offset -= rest.length;
  }

  /** @throws OperationError `rows-malformed` when other bytes come next */
  async expect(wanted: Uint8Array, otherwise: string): Promise<void> {
    for (let at = 0; at < wanted.length; ) {
      const text = await this.next();
      if (text === undefined) throw this.malformed(`it ends before its time; ${otherwise}`);
      const length = Math.min(text.length, wanted.length - at);
      if (text.compare(wanted, at, at + length, 0, length) !== 0) throw this.malformed(otherwise);
      this.giveBack(text.subarray(length));
      at += length;
    }
  }

  malformed(how: string): OperationError {
    return new OperationError(
      "rows-malformed",
      `A data file is not as Lifeboat writes it: ${how} (near byte ${this.#offset}).`,
      "Use another set (`lifeboat list`).",
    );
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

const lineFeed = 0x0a;
const endLine = Buffer.from(blockEnd);
/** COPY writes a backslash twice, so a line that is one and a dot is the end and nothing else. */
const endMarker = Buffer.concat([Buffer.of(lineFeed), endLine]);

/** COPY's text up to its end marker. */
class BlockText {
  readonly #file: FileText;
  readonly #table: string;
  /** The beginning of what may be the end marker. */
  #held: Buffer = Buffer.alloc(0);
  #atLineStart = true;
  #ended = false;

  constructor(file: FileText, table: string) {
    this.#file = file;
    this.#table = table;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  /** The next bytes of the rows, never none; undefined when the end marker has passed. */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#ended) {
      const more = await this.#file.next();
      if (more === undefined) throw this.#file.malformed(`it ends among the rows of ${this.#table}`);
      const text = this.#held.length === 0 ? more : Buffer.concat([this.#held, more]);
      const rows = this.#take(text);
      if (rows.length > 0) return rows;
    }
    return undefined;
  }

  #take(text: Buffer): Buffer {
    if (this.#atLineStart && text.subarray(0, endLine.length).equals(endLine.subarray(0, text.length))) {
      return text.length < endLine.length ? this.#hold(text, 0) : this.#end(text, 0);
    }
    const end = text.indexOf(endMarker);
    if (end >= 0) return this.#end(text, end + 1);
    const last = text.lastIndexOf(lineFeed) + 1;
    const held = last > 0 && last < text.length && endLine.subarray(0, text.length - last).equals(text.subarray(last));
    return this.#hold(text, held ? last : text.length);
  }

  /** Hands out what lies before `at`, and keeps the rest until more has come. */
  #hold(text: Buffer, at: number): Buffer {
    this.#held = text.subarray(at);
    if (at > 0) this.#atLineStart = text[at - 1] === lineFeed;
    return text.subarray(0, at);
  }

  #end(text: Buffer, at: number): Buffer {
    this.#ended = true;
    this.#file.giveBack(text.subarray(at + endLine.length));
    return text.subarray(0, at);
  }
}

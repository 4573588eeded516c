import type { Client } from "pg";
import { to as copyTo } from "pg-copy-streams";
import { describeCode, LifeboatError, OperationError, sqlState } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import type { Fingerprint, TableContent } from "../inventory/model.ts";
import { createRowHasher } from "../row-hash/row-hash.ts";

type Exported = Pick<TableContent, "schema" | "name" | "oid" | "bytes">;

/** One table of the JSON export and the artifact that its rows become. */
export interface ExportItem<Table extends Exported = TableContent> {
  readonly table: Table;
  /** `json/<schema>.<table>.ndjson.zst.pgp`, unique in the set, also where upper and lower case are the same. */
  readonly artifact: string;
  readonly kind: "json" | "generated";
}

/**
 * Names an artifact for every table, largest table first. Names hold only what S3 keys, shells and
 * file systems all take; a name that had to be changed, or that another table has already, gets the table's OID behind
 * it. The same tables get the same names, in whatever order they come. Pure.
 */
export function planExport<Table extends Exported>(tables: readonly Table[]): ExportItem<Table>[] {
  const taken = new Set<string>();
  const items: ExportItem<Table>[] = [];
  // Names that may stay as they are come first, so that no changed one takes theirs.
  const named = tables
    .map((table) => ({ table, plain: `${table.schema}.${table.name}` }))
    .map((one) => ({ ...one, safe: one.plain.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 120) }))
    .sort(
      (a, b) => Number(a.safe !== a.plain) - Number(b.safe !== b.plain) || Number(a.table.oid) - Number(b.table.oid),
    );
  for (const { table, plain, safe } of named) {
    let name = safe === plain ? safe : `${safe}-${table.oid}`;
    while (taken.has(name.toLowerCase())) name = `${name}-${table.oid}`;
    taken.add(name.toLowerCase());
    items.push({ table, artifact: `json/${name}.ndjson.zst.pgp`, kind: "json" });
  }
  return items.sort((a, b) => b.table.bytes - a.table.bytes);
}

/**
 * The same for the stored generated columns that a restore may not compute as they were: their values beside the key.
 * Pure.
 */
export function planGenerated(tables: readonly TableContent[]): ExportItem[] {
  const some = tables.flatMap((table) => {
    const columns = table.generated?.columns.filter(({ changeable }) => changeable).map(({ name }) => name) ?? [];
    if (columns.length === 0 || table.fingerprint?.rows === "0") return [];
    return [{ ...table, columns: [...(table.generated?.key ?? []), ...columns] }];
  });
  return planExport(some).map(({ table, artifact }) => ({
    table,
    artifact: artifact.replace("json/", "generated/"),
    kind: "generated",
  }));
}

type ExportTable = Pick<TableContent, "schema" | "name" | "columns" | "filter">;

/**
 * The statement that gives a table's rows as NDJSON: `{"column":"text" or null, …}`, the stored columns in their order.
 *
 * Every value is the text of its type's output function, which `concat` calls: a cast would strip a `char(n)`'s blanks,
 * spell booleans out and complete network addresses. So it is the text that the fingerprint covers and COPY takes, and
 * no reader's numbers or dates can round it. `num_nulls`, because a composite of nulls `IS NULL` without being null.
 * Under these CSV options a line of JSON is one field as it stands: neither byte can be in JSON unescaped.
 */
function exportStatement(table: ExportTable): string {
  const values = table.columns.map((column) => {
    const name = `r.${quoteIdentifier(column)}`;
    return `case when num_nulls(${name}) = 0 then concat(${name}) end as ${quoteIdentifier(column)}`;
  });
  const rows = `select ${values.join(", ")} from only ${quoteQualified(table.schema, table.name)} as r ${table.filter ?? ""}`;
  return `copy (select row_to_json(q.*)::text from (${rows}) q) to stdout (format csv, delimiter e'\\x01', quote e'\\x02', encoding 'UTF8')`;
}

/**
 * The rows of one table as NDJSON, as the connection's snapshot sees them. Constant memory but for a row.
 *
 * @param client a connection with the pinned session settings, used for nothing else meanwhile
 * @throws OperationError `export-failed` with the SQLSTATE, `row-too-long`, `table-unplanned`
 */
export function exportRows(client: Client, table: ExportTable): AsyncGenerator<Uint8Array, void, undefined> {
  return copied(client, table, exportStatement(table));
}

/** The same from COPY's own text, turned into JSON here: takes longer, but no row is too long that COPY can write. */
export async function* exportLongRows(client: Client, table: ExportTable): AsyncGenerator<Uint8Array, void, undefined> {
  const json = new CopyToNdjson(table.columns);
  for await (const chunk of copyRows(client, table)) yield json.push(chunk);
}

/**
 * The statement that gives a table's rows in COPY's text format: of the table itself where the whole is wanted, since that is
 * not planned.
 * @param which of them: pages by `ctid`, from the first up to the second, without it; all by default
 */
export function copyOutStatement(
  { schema, name, columns, filter }: ExportTable,
  which?: { readonly from: number; readonly to: number | undefined },
): string {
  const table = quoteQualified(schema, name);
  const list = columns.map(quoteIdentifier).join(", ");
  const options = "to stdout (encoding 'UTF8')";
  if (filter === null && which === undefined) return `copy ${table}${list === "" ? "" : ` (${list})`} ${options}`;
  const end = which?.to === undefined ? "" : ` and ctid < '(${which.to},0)'::tid`;
  const rows = which === undefined ? filter : `where ctid >= '(${which.from},0)'::tid${end}`;
  return `copy (select ${list} from only ${table} ${rows}) ${options}`;
}

/** The rows of one table in COPY's text format. @throws OperationError as exportRows */
function copyRows(client: Client, table: ExportTable): AsyncGenerator<Uint8Array, void, undefined> {
  return copied(client, table, copyOutStatement(table));
}

async function* copied(
  client: Client,
  table: ExportTable,
  statement: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = client.query(copyTo(statement));
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    if (isLost(error)) throw connectionLost();
    if (rowTooLong.is(error)) throw rowTooLong.of(table);
    if (unplanned.is(sqlState(error))) throw unplanned.of(table, describeCode(error));
    throw new OperationError(
      "export-failed",
      `The rows of ${tableName(table)} could not be exported (${describeCode(error)}).`,
      "Run `lifeboat check`, then run the backup again; nothing of this run is visible in the vault.",
    );
  }
}

/**
 * What planning a query may bring although the rows can be read: the planner looks into the SQL functions of a table's
 * indexes and statistics (relcache.c, RelationGetIndexPredicate; util/clauses.c, inline_function), and runs those that are
 * immutable. They may call others by a search path that is not ours, or be broken. COPY of a table is not planned.
 */
const plannings = /^(?:0A|22|2F|38|39|3F|42(?!501)|P0)/;

export const unplanned = {
  is: (state: string): boolean => plannings.test(state),
  of: (table: { readonly schema: string; readonly name: string }, said: string): OperationError =>
    new OperationError(
      "table-unplanned",
      `No query on ${tableName(table)} could be planned (${said}).`,
      "Look at the functions that its indexes and statistics use: each needs SET search_path, or to name others with their schema.",
    ),
};

/** A text or a row in text form may have 1 GB at most (memutils.h, MaxAllocSize; stringinfo.c, mcxt.c). */
export const rowTooLong = {
  is: (error: unknown): boolean =>
    sqlState(error) === "54000" ||
    (sqlState(error) === "XX000" && error instanceof Error && /invalid memory alloc request size/.test(error.message)),
  of: (table: { readonly schema: string; readonly name: string }): OperationError =>
    new OperationError(
      "row-too-long",
      `A row of ${tableName(table)} is too long to be written as text: PostgreSQL writes at most 1 GB at a time.`,
      `Look for it with: select ctid, octet_length(<column>) from ${tableName(table)} order by 2 desc limit 3. Keep values of that size as files.`,
    ),
};

/**
 * A table's fingerprint from its rows as COPY writes them, hashed here: for rows that are too long for the server to write as
 * one text of at most 1 GB (values of some hundred MB, quotes and backslashes counted twice), though COPY can, and for tables
 * that no query can be planned on.
 *
 * @throws OperationError `export-failed` with the SQLSTATE
 */
export async function fingerprintByCopy(client: Client, table: ExportTable): Promise<Fingerprint> {
  const hasher = createRowHasher(table.columns.length);
  for await (const chunk of copyRows(client, table)) hasher.push(chunk);
  return hasher.finish();
}

/** Whether an error is the end of the session: of the network, or by the server (57P01 to 57P03, 08…). */
export function isLost(error: unknown): boolean {
  return /^(?:none|57P|08)/.test(sqlState(error));
}

export function connectionLost(): OperationError {
  return new OperationError(
    "connection-lost",
    "The connection to the database was lost while rows were read.",
    "Run again; if it comes back, look at the database's health and at the network between.",
  );
}

/** Whether COPY may give the rows although a query did not. */
export function isLeftToCopy(error: unknown): boolean {
  return isRowTooLong(error) || (error instanceof LifeboatError && error.code === "table-unplanned");
}

/** Whether the server said that a row is too long for what was asked. */
export function isRowTooLong(error: unknown): boolean {
  return error instanceof LifeboatError && error.code === "row-too-long";
}

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

import type { Client } from "pg";
import { to as copyTo } from "pg-copy-streams";
import { describeCode, OperationError, sqlState } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import type { TableContent } from "../inventory/model.ts";
import { CopyToNdjson } from "./json-text.ts";
import { rowTooLong, unplanned } from "./row-too-long.ts";

export type ExportTable = Pick<TableContent, "schema" | "name" | "columns" | "filter">;

/**
 * The statement that gives a table's rows as NDJSON: `{"column":"text" or null, …}`, the stored columns in their order.
 *
 * Every value is the text of its type's output function, which `concat` calls: a cast would strip a `char(n)`'s blanks,
 * spell booleans out and complete network addresses. So it is the text that the fingerprint covers and COPY takes, and
 * no reader's numbers or dates can round it. `num_nulls`, because a composite of nulls `IS NULL` without being null.
 * Under these CSV options a line of JSON is one field as it stands: neither byte can be in JSON unescaped.
 */
export function exportStatement(table: ExportTable): string {
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
 * The rows of one table in COPY's text format: of the table itself where the whole is wanted, since that is not planned.
 * @throws OperationError as exportRows
 */
export function copyRows(client: Client, table: ExportTable): AsyncGenerator<Uint8Array, void, undefined> {
  const name = quoteQualified(table.schema, table.name);
  const columns = table.columns.map(quoteIdentifier).join(", ");
  const whole = table.filter === null && columns !== "";
  const rows = whole ? `${name} (${columns})` : `(select ${columns} from only ${name} ${table.filter ?? ""})`;
  return copied(client, table, `copy ${rows} to stdout (encoding 'UTF8')`);
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
    if (sqlState(error) === rowTooLong.state) throw rowTooLong.of(table);
    if (unplanned.is(sqlState(error))) throw unplanned.of(table, describeCode(error));
    throw new OperationError(
      "export-failed",
      `The rows of ${tableName(table)} could not be exported (${describeCode(error)}).`,
      "Run `lifeboat check`, then run the backup again; nothing of this run is visible in the vault.",
    );
  }
}

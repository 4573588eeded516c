import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { ConfigurationError, describeCode, sqlState } from "../../../base/errors.ts";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import type { NamedRows } from "./selection.ts";

/** Rows that a person has named: the first line has the columns, each other one a row, apart by tabs as COPY writes them. */
export interface KeysFile {
  readonly columns: readonly string[];
  /** What stands behind the first line. */
  readonly rows: string;
}

/** @throws ConfigurationError `keys-unreadable` */
export function parseKeysFile(text: string): KeysFile {
  const end = text.indexOf("\n");
  const columns = (end < 0 ? text : text.slice(0, end)).replace(/\r$/, "").split("\t");
  const rows = end < 0 ? "" : text.slice(end + 1).replaceAll("\r\n", "\n");
  if (columns.some((column) => column === "") || new Set(columns).size < columns.length)
    throw unreadable("its first line names no columns");
  if (rows.trim() === "") throw unreadable("it names no rows");
  return { columns, rows: rows.endsWith("\n") ? rows : `${rows}\n` };
}

/**
 * Puts the named rows where SQL can reach them, under the types that the live table has.
 * @param from the live table, as it stands behind FROM
 * @throws ConfigurationError `keys-unreadable`
 */
export async function loadKeys(client: Client, from: string, { columns, rows }: KeysFile): Promise<NamedRows> {
  const list = columns.map(quoteIdentifier).join(", ");
  try {
    await client.query(`create temporary table lifeboat_chosen as select ${list} from ${from} limit 0`);
    await pipeline(
      Readable.from([Buffer.from(rows)], { objectMode: false }),
      client.query(copyFrom("copy pg_temp.lifeboat_chosen from stdin (encoding 'UTF8')")),
    );
  } catch (error) {
    const state = sqlState(error);
    if (state === "42703") throw unreadable("its first line names a column that the table does not have");
    if (!/^22/.test(state)) throw error;
    throw unreadable(`a line of it is no row of these columns (${describeCode(error)})`);
  }
  return { table: "pg_temp.lifeboat_chosen", columns };
}

function unreadable(how: string): ConfigurationError {
  return new ConfigurationError(
    "keys-unreadable",
    `The file of keys cannot be used: ${how}.`,
    "Write the columns' names into the first line and one row into each other one, apart by tabs: `\\copy (select id from …) to keys.txt with (header)` in psql makes one.",
  );
}

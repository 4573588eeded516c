import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import { formatBytes } from "../../base/measures.ts";
import type { AppliedMigration } from "../../policy/migrations.ts";
import { tableName } from "../../postgres/identifier.ts";
import { unescapeCopy } from "../../postgres/rows/copy-text.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { rows } from "../../vault/sets/rows.ts";

/** Where the Supabase CLI notes what it has applied, and with what. */
export const historyTable = { schema: "supabase_migrations", name: "schema_migrations" } as const;

const mostBytes = 128 * 1024 * 1024;

const rowSchema = z.object({
  version: z.string(),
  name: z.string().nullable().default(null),
  statements: z.array(z.string().nullable()).nullable().default(null),
});

/**
 * What is noted in a database; nothing where no migration was ever applied.
 * @throws OperationError `migrations-history`
 */
export async function historyOfDatabase(client: Client): Promise<AppliedMigration[]> {
  const found = await client.query(
    `select c.relkind::text as kind, array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [historyTable.schema, historyTable.name],
  );
  const table = z
    .object({ kind: z.string(), columns: z.array(z.string()) })
    .optional()
    .parse(found.rows[0]);
  if (table === undefined) return [];
  // A view would run somebody's code as us.
  if (table.kind !== "r" || !table.columns.includes("version")) throw strange("it is not the table that the CLI makes");
  const has = (column: string, sql: string): string => (table.columns.includes(column) ? sql : "null");
  const from = `from ${historyTable.schema}.${historyTable.name}`;
  const size = await client.query(
    `select coalesce(sum(octet_length(${has("statements", "statements::text")})), 0)::text as bytes ${from}`,
  );
  assertSmall(Number(size.rows[0]?.bytes));
  const answer = await client.query(
    `select version::text as version, ${has("name", "name::text")} as name, ${has("statements", "to_json(statements::text[])")} as statements ${from}`,
  );
  return answer.rows.map(applied);
}

/**
 * What is noted in a set: its rows of the history. Undefined for a monthly set, whose rows may lie in an archive class: then only
 * the restored database can tell.
 * @throws OperationError `migrations-history`; what reading a set's artifact throws
 */
export async function historyOfSet(open: OpenSet): Promise<AppliedMigration[] | undefined> {
  if (open.tier === "monthly") return undefined;
  const inventory = await open.inventory();
  const table = inventory.tables.find(
    ({ schema, name }) => schema === historyTable.schema && name === historyTable.name,
  );
  if (table === undefined) return [];
  assertSmall(table.bytes);
  return (await linesOf(rows(open, inventory, table))).map((line) => rowOf(line, table.columns));
}

async function linesOf(chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    assertSmall(bytes);
    kept.push(Buffer.from(chunk));
  }
  return Buffer.concat(kept)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** The elements of a `text[]` as PostgreSQL writes it (array_out in src/backend/utils/adt/arrayfuncs.c); NULL as an empty one. */
function readArray(text: string): string[] {
  if (!text.startsWith("{") || !text.endsWith("}")) throw strange("its statements are no list of texts");
  const elements: string[] = [];
  for (let at = 1; at < text.length - 1; at += 1) {
    const quoted = text[at] === '"';
    let element = "";
    for (at += quoted ? 1 : 0; at < text.length - 1; at += 1) {
      if (quoted ? text[at] === '"' : text[at] === ",") break;
      if (text[at] === "\\") at += 1;
      element += text[at];
    }
    if (quoted) at += 1;
    elements.push(quoted || element !== "NULL" ? element : "");
  }
  return elements;
}

function rowOf(line: string, columns: readonly string[]): AppliedMigration {
  const fields = line.split("\t").map(unescapeCopy);
  const row = Object.fromEntries(columns.map((column, at) => [column, fields[at] ?? null]));
  const { statements = null } = row;
  return applied({ ...row, statements: statements === null ? null : readArray(statements) });
}

function applied(row: unknown): AppliedMigration {
  const parsed = rowSchema.safeParse(row);
  if (!parsed.success) throw strange("its rows are not what the CLI writes");
  const { version, name, statements } = parsed.data;
  return { version, name, statements: statements?.map((one) => one ?? "") ?? null };
}

function assertSmall(bytes: number): void {
  if (!(bytes <= mostBytes)) throw strange(`it has more than ${formatBytes(mostBytes)}`);
}

function strange(why: string): OperationError {
  return new OperationError(
    "migrations-history",
    `${tableName(historyTable)} cannot be used: ${why}.`,
    "Look at the table in the restored database. With --migrations none the set is restored, and nothing is applied to it.",
  );
}

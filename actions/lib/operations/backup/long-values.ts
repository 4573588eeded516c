import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../postgres/identifier.ts";
import type { TableContent } from "../../postgres/inventory/model.ts";
import { attachSnapshot, type LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { SourceAccess } from "./source-access.ts";

/** A value of this size can be more than 1 GB as COPY writes it: bytes as two digits each, each backslash and line end doubled. */
const longBytes = 256 * 1024 * 1024;
const shown = 5;

const valueSchema = z.strictObject({ place: z.string(), mebibytes: z.string(), key: z.string().nullable() });

/** Columns whose values' length is told without reading them, and a key that says nothing of a person: a number or UUID. */
const columnsQuery = `
  select a.attname as "column",
         (select k.attname from pg_index x join pg_attribute k on k.attrelid = x.indrelid and k.attnum = x.indkey[0]
           where x.indrelid = a.attrelid and x.indisprimary and x.indnkeyatts = 1
             and k.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)) as key
    from pg_attribute a
   where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
     and a.atttypid in ('bytea'::regtype, 'text'::regtype, 'varchar'::regtype)
   order by a.attnum`;
const columnSchema = z.strictObject({ column: z.string(), key: z.string().nullable() });

/**
 * What keeps a dump from being made, where it is that a value is longer than PostgreSQL can write as text.
 *
 * @param client under the snapshot
 * @returns undefined when no value is that long
 */
async function tooLongToDump(
  client: Client,
  tables: readonly Pick<TableContent, "schema" | "name" | "oid">[],
): Promise<OperationError | undefined> {
  const found: string[] = [];
  for (const { oid, ...table } of tables) {
    for (const { column, key } of z.array(columnSchema).parse((await client.query(columnsQuery, [oid])).rows)) {
      const value = quoteIdentifier(column);
      const { rows } = await client.query(
        `select ctid::text as place, (octet_length(${value}) / 1048576)::text as mebibytes,
                ${key === null ? "null" : `${quoteIdentifier(key)}::text`} as key
           from only ${quoteQualified(table.schema, table.name)} where octet_length(${value}) > ${longBytes}
          order by octet_length(${value}) desc limit ${shown}`,
      );
      for (const { place, mebibytes, key: id } of z.array(valueSchema).parse(rows)) {
        const where = key === null || id === null ? `ctid ${place}` : `${key} ${id}`;
        found.push(`${tableName(table)}, column ${column}, ${where} (${mebibytes} MiB)`);
      }
    }
  }
  if (found.length === 0) return undefined;
  return new OperationError(
    "value-too-long",
    `A value is longer than any dump can hold: PostgreSQL writes a row as 1 GB of text at most. The longest: ${found.slice(0, shown).join("; ")}.`,
    "Keep it as a file in Storage, or in several rows, and run the backup again.",
  );
}

/**
 * The reason of a dump's failure: names the values that no dump can hold, where they are it.
 * @param tables whose rows were being dumped
 */
export async function withReason(
  source: SourceAccess,
  snapshot: LockedSnapshot,
  tables: readonly Pick<TableContent, "schema" | "name" | "oid">[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof OperationError && error.code === "row-too-long")) return error;
  try {
    const client = await source.session("long values");
    try {
      await attachSnapshot(client, snapshot.id);
      return (await tooLongToDump(client, tables)) ?? error;
    } finally {
      await source.hangUp(client);
    }
  } catch {
    return error;
  }
}

import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../postgres/identifier.ts";
import type { TableContent } from "../../postgres/inventory/model.ts";
import { fingerprintTable } from "../../postgres/rows/fingerprint.ts";
import type { RowEvidence } from "./likely.ts";

/** Names that projects give to the columns; of another type than a time they count for nothing. */
const cameAt = ["created_at", "inserted_at", "created", "createdAt", "insertedAt"];
const changedAt = ["updated_at", "modified_at", "updatedAt", "modifiedAt"];

/**
 * Looks what a table's rows say of themselves: which were there at the set's moment, and whether these are what they were.
 * @param snapshotAt ISO 8601, UTC
 * @returns undefined where no column tells, or it cannot be read
 */
export async function readRowEvidence(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "columns" | "filter">,
  snapshotAt: string,
): Promise<RowEvidence | undefined> {
  if (table.filter !== null) return undefined;
  const times = await timeColumns(client, table);
  const column = cameAt.find((name) => times.has(name));
  if (column === undefined) return undefined;
  const moment = quoteLiteral(snapshotAt);
  const filter = `where ${times.get(column)} <= ${moment}::timestamptz`;
  try {
    const old = await fingerprintTable(client, { ...table, filter });
    const changes = changedAt.find((name) => times.has(name));
    return {
      column,
      old,
      changed:
        changes && (await countChanged(client, table, `${filter} and ${times.get(changes)} > ${moment}::timestamptz`)),
    };
  } catch (error) {
    if (error instanceof OperationError) return undefined;
    throw error;
  }
}

/** Columns that hold a time, as SQL that compares with a moment: one without a zone is taken for UTC, as on Supabase. */
async function timeColumns(
  client: Client,
  { schema, name }: Pick<TableContent, "schema" | "name">,
): Promise<Map<string, string>> {
  const answer = await client.query(
    `select a.attname as name, a.atttypid::regtype::text as type from pg_attribute a
      where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)`,
    [quoteQualified(schema, name)],
  );
  const rows = z.array(z.strictObject({ name: z.string(), type: z.string() })).parse(answer.rows);
  return new Map(
    rows.map((row) => [
      row.name,
      row.type === "timestamp with time zone"
        ? quoteIdentifier(row.name)
        : `(${quoteIdentifier(row.name)} at time zone 'UTC')`,
    ]),
  );
}

async function countChanged(
  client: Client,
  { schema, name }: Pick<TableContent, "schema" | "name">,
  where: string,
): Promise<string> {
  const answer = await client.query(`select count(*)::text as rows from only ${quoteQualified(schema, name)} ${where}`);
  return z.object({ rows: z.string() }).parse(answer.rows[0]).rows;
}

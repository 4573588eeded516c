import type { Client } from "pg";
import { z } from "zod";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";

/** How much room the same rows take at the source and in the fresh copy. */
export interface SizeReport {
  /** `pg_database_size` here and, as the manifest says, at the source; decimal digits. */
  readonly databaseBytes: string;
  readonly sourceBytes: string;
  /** Tables that take much more room at the source than their rows need: what VACUUM FULL or pg_repack would win. */
  readonly bloated: readonly { readonly table: string; readonly sourceBytes: number; readonly bytes: number }[];
}

const bloatFactor = 2;
const bloatFloor = 10 * 1024 * 1024;
const shown = 10;

/**
 * A restored table has no dead rows and no free space, so the source's size against its own is the source's bloat, measured
 * rather than estimated.
 */
export async function measureSize(client: Client, source: Inventory, sourceBytes: string): Promise<SizeReport> {
  const answer = await client.query("select pg_database_size(current_database())::text as bytes");
  const { bytes: databaseBytes } = z.strictObject({ bytes: z.string() }).parse(answer.rows[0]);
  const sizes = await client.query(
    `select n.nspname as schema, c.relname as name, pg_table_size(c.oid)::float8 as bytes
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`,
  );
  const rows = z.array(z.strictObject({ schema: z.string(), name: z.string(), bytes: z.number() })).parse(sizes.rows);
  return {
    databaseBytes,
    sourceBytes,
    bloated: findBloat(source, new Map(rows.map((row) => [tableName(row), row.bytes]))),
  };
}

/** Pure. @param here bytes of the copy's tables by `schema.table` */
export function findBloat(source: Pick<Inventory, "tables">, here: ReadonlyMap<string, number>): SizeReport["bloated"] {
  return source.tables
    .flatMap((table) => {
      const name = tableName(table);
      const bytes = here.get(name);
      return bytes === undefined || !table.carried ? [] : [{ table: name, sourceBytes: table.bytes, bytes }];
    })
    .filter(({ sourceBytes, bytes }) => sourceBytes > bytes * bloatFactor && sourceBytes - bytes > bloatFloor)
    .sort((a, b) => b.sourceBytes - b.bytes - (a.sourceBytes - a.bytes))
    .slice(0, shown);
}

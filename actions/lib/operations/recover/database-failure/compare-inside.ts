import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../../base/errors.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../../postgres/inventory/model.ts";
import { objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { isManagedSchema, notesSchema } from "../../../postgres/platform-owned.ts";
import { countRows, fingerprintTable } from "../../../postgres/rows/fingerprint.ts";
import { sentinelTable } from "../../../postgres/sentinels.ts";
import type { ContentFacts } from "./judge-inside.ts";

/** Nobody waits for more than this: what could not be counted by then is estimated. */
const fingerprintMillis = 20_000;
const countSeconds = 10;
/** Of a few rows half may go in an ordinary minute. */
const fewRows = 50;

/** Of the platform's schemas, those whose rows are people's. */
const peoples = new Set(["auth", "storage"]);

/**
 * Holds a database against a set: which of its objects are there, and how many of its rows. Not equality: work went on after the set was
 * made, or was undone. Reads for half a minute or so, whatever the size.
 *
 * @param client a session that may read everything
 * @param smallestShare of the set's rows that a table may have and still be plausible
 */
export async function compareInside(
  client: Client,
  set: { readonly set: string; readonly snapshotAt: string; readonly inventory: Inventory },
  smallestShare: number,
): Promise<ContentFacts> {
  const { inventory } = set;
  await client.query("set row_security = off");
  const here = await readInventory(client);
  const keys = new Set(here.objects.map(objectKey));
  const wanted = inventory.objects.filter(({ schema, extension }) => extension === null && isPeoples(schema));
  const tables = inventory.tables.filter(
    (table) => (isPeoples(table.schema) || peoples.has(table.schema)) && table.fingerprint !== null,
  );
  const names = new Set(here.tables.map(tableName));
  const found = await countAll(
    client,
    tables.filter((table) => names.has(tableName(table))),
  );
  const sum = (rows: Iterable<number>): number => [...rows].reduce((all, one) => all + one, 0);
  const rowsOf = (table: TableContent): number => Number(table.fingerprint?.rows ?? 0);
  return {
    ...{ set: set.set, snapshotAt: set.snapshotAt },
    objects: {
      expected: wanted.length,
      missing: wanted
        .filter((object) => !keys.has(objectKey(object)))
        .map(({ kind, identity }) => `${kind} ${identity}`),
    },
    tables: {
      expected: tables.length,
      missing: tables.filter((table) => !names.has(tableName(table))).map((table) => `table ${tableName(table)}`),
      shrunk: tables
        .filter((table) => {
          const rows = found.rows.get(tableName(table));
          return rows !== undefined && rowsOf(table) >= fewRows && rows < rowsOf(table) * smallestShare;
        })
        .map(tableName),
      uncounted: found.uncounted,
      equal: found.equal,
    },
    rows: { expected: sum(tables.map(rowsOf)), found: sum(found.rows.values()) },
  };
}

/** Neither the platform's nor ours. */
function isPeoples(schema: string | null): boolean {
  if (schema === null) return false;
  return !isManagedSchema(schema) && !schema.startsWith(notesSchema) && schema !== sentinelTable.schema;
}

interface Counted {
  readonly rows: ReadonlyMap<string, number>;
  readonly uncounted: number;
  readonly equal: number;
}

const estimatesSchema = z.array(z.object({ schema: z.string(), name: z.string(), rows: z.number() }));

/** Small ones first, by fingerprint, as long as there is time; the others by what the server believes, or by counting. */
async function countAll(client: Client, tables: readonly TableContent[]): Promise<Counted> {
  const { rows: read } = await client.query(
    `select n.nspname as schema, c.relname as name, c.reltuples::float8 as rows
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`,
  );
  const estimates = new Map(estimatesSchema.parse(read).map((one) => [tableName(one), one.rows]));
  const rows = new Map<string, number>();
  let [uncounted, equal] = [0, 0];
  const until = performance.now() + fingerprintMillis;
  for (const table of [...tables].sort((a, b) => a.bytes - b.bytes)) {
    const name = tableName(table);
    if (performance.now() < until) {
      const fingerprint = await timed(client, () => fingerprintTable(client, table));
      if (fingerprint !== undefined) {
        rows.set(name, Number(fingerprint.rows));
        if (fingerprint.rows === table.fingerprint?.rows && fingerprint.hash === table.fingerprint.hash) equal++;
        continue;
      }
    }
    const estimate = estimates.get(name) ?? -1;
    const counted =
      estimate >= 0 ? estimate : Number((await timed(client, () => countRows(client, table))) ?? Number.NaN);
    if (Number.isNaN(counted)) uncounted++;
    else rows.set(name, Math.round(counted));
  }
  return { rows, uncounted, equal };
}

/** Undefined when it took too long, or the table cannot be read so. @throws what a session says that has ended */
async function timed<T>(client: Client, work: () => Promise<T>): Promise<T | undefined> {
  await client.query(`set statement_timeout = '${countSeconds}s'`);
  try {
    return await work();
  } catch (error) {
    if (error instanceof OperationError) return undefined;
    throw error;
  } finally {
    await client.query("set statement_timeout = 0");
  }
}

import type { Client } from "pg";
import { heapUsed } from "../../base/collector.ts";
import { OperationError, sqlState } from "../../base/errors.ts";
import { inLanes, type Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { pathStatement, readingPaths } from "../../postgres/inventory/name-lookup.ts";
import { fingerprintByCopy, isLeftToCopy, isRowTooLong } from "../../postgres/rows/export-rows.ts";
import {
  countRows,
  fingerprintGenerated,
  fingerprintLargeObject,
  fingerprintMaterializedView,
  fingerprintTable,
} from "../../postgres/rows/fingerprint.ts";

/**
 * Rolling back to it gives up the locks that reading a table took, on its indexes too. Kept until the end of the
 * transaction they fill the server's lock table: 3,000 tables are more than Supabase's smaller machines have room for.
 */
const beforeTable = "before_table";

export interface Taken {
  readonly inventory: Inventory;
  /** By the table's OID, of those that were asked for no more: how many rows they have. */
  readonly rows: ReadonlyMap<string, string>;
}

/**
 * Fills an inventory's fingerprints, on every given session at once. Largest tables first, as in the plan, so that both
 * read a table while the server still has it in memory.
 *
 * @param sessions attached to the snapshot; each is used by one query at a time
 * @param ask what to find out about a table (default: its fingerprint)
 * @throws OperationError `table-unreadable`, `large-object-unreadable`
 */
export async function takeFingerprints(
  inventory: Inventory,
  sessions: readonly Client[],
  stop: Stop,
  log: Log,
  ask: (table: TableContent) => "fingerprint" | "rows" = () => "fingerprint",
): Promise<Taken> {
  const rows = new Map<string, string>();
  const tables = inventory.tables.map((table) => ({ ...table }));
  const views = inventory.materializedViews.map((view) => ({ ...view }));
  const largeObjects = inventory.largeObjects.map((object) => ({ ...object }));
  const sorted = tables.toSorted((a, b) => b.bytes - a.bytes);
  const bytes = sorted.reduce((sum, table) => sum + table.bytes, 0);
  const track = log.track("fingerprints", { bytes, items: sorted.length + views.length + largeObjects.length });

  const paths = readingPaths(inventory);
  const jobs: ((client: Client) => Promise<void>)[] = [
    ...sorted.map((table) => async (client: Client) => {
      track.note(tableName(table));
      if (ask(table) === "fingerprint") {
        table.fingerprint = await otherwise(
          client,
          paths,
          () => fingerprintTable(client, table),
          () => fingerprintByCopy(client, table),
        );
      } else {
        const count = await otherwise(
          client,
          paths,
          () => countRows(client, table),
          async () => (await fingerprintByCopy(client, table)).rows,
        );
        rows.set(table.oid, count);
      }
      const { generated } = table;
      if (generated) {
        table.generated = await otherwise(
          client,
          paths,
          () => fingerprintGenerated(client, table, generated),
          async () => generated,
        );
      }
      track.advance({ bytes: table.bytes, items: 1 });
    }),
    ...views.map((view) => async (client: Client) => {
      track.note(tableName(view));
      const measured = await otherwise(
        client,
        paths,
        () => fingerprintMaterializedView(client, view),
        async () => view,
      );
      Object.assign(view, measured);
      track.advance({ items: 1 });
    }),
    ...largeObjects.map((object) => async (client: Client) => {
      Object.assign(object, await fingerprintLargeObject(client, object.oid));
      track.advance({ items: 1 });
    }),
  ];
  try {
    for (const client of sessions) await client.query(`savepoint ${beforeTable}`);
    await inLanes(stop, jobs, sessions.length, async (job, lane) => {
      const client = sessions[lane];
      if (client === undefined) return;
      await job(client).catch(async (error: unknown) => {
        throw (await isCut(client)) ? connectionLost() : error;
      });
      await client.query(`rollback to savepoint ${beforeTable}`);
      heapUsed();
    });
  } catch (error) {
    track.end("failed");
    throw error;
  }
  track.end("done");
  return { inventory: { ...inventory, tables, materializedViews: views, largeObjects }, rows };
}

/**
 * What to do where a query does not work although the rows may be read: under the paths that the source's functions are
 * used to, if planning it does not work; last, or if a row is too long for the server to hash, in another way.
 */
async function otherwise<T>(
  client: Client,
  paths: readonly string[],
  usual: () => Promise<T>,
  last: () => Promise<T>,
): Promise<T> {
  for (const path of [undefined, ...paths]) {
    try {
      if (path !== undefined) await client.query(pathStatement(path));
      return await usual();
    } catch (error) {
      if (!isLeftToCopy(error)) throw error;
      await client.query(`rollback to savepoint ${beforeTable}`);
      if (isRowTooLong(error)) break;
    }
  }
  return last();
}

/** A server that still answers, be it with a refusal, is there. */
async function isCut(client: Client): Promise<boolean> {
  return client.query("select 1").then(
    () => false,
    (error: unknown) => sqlState(error) === "none",
  );
}

function connectionLost(): OperationError {
  return new OperationError(
    "connection-lost",
    "The connection to the database was lost while rows were read.",
    "Run again; if it comes back, look at the database's health and at the network between.",
  );
}

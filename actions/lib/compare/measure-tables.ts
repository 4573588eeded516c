import type { Client } from "pg";
import { OperationError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { tableName } from "../postgres/identifier.ts";
import type { Fingerprint, Generated, TableContent } from "../postgres/inventory/model.ts";
import { pathStatement } from "../postgres/inventory/search-paths.ts";
import { fingerprintGenerated, fingerprintTable } from "../postgres/rows/fingerprint.ts";
import { fingerprintByCopy, isLeftToCopy } from "../postgres/rows/hash-by-copy.ts";

/** A fingerprint, or why there is none. */
export type Measured = (Fingerprint & { readonly generated?: Generated | undefined }) | { readonly unreadable: string };

/**
 * Computes the fingerprints of tables, several at once, largest first.
 *
 * @param connect gives a new connection with the pinned settings
 * @param paths search paths for generated columns of tables that no query can be planned on under the session's
 * @returns by `schema.table`
 */
export async function measureTables(
  connect: () => Promise<Client>,
  tables: readonly Pick<TableContent, "schema" | "name" | "columns" | "filter" | "bytes" | "generated">[],
  jobs: number,
  log: Log,
  paths: readonly string[],
): Promise<Map<string, Measured>> {
  const queue = [...tables].sort((a, b) => b.bytes - a.bytes);
  const measured = new Map<string, Measured>();
  const track = log.track("fingerprints", { bytes: 0, items: tables.length });
  const worker = async (): Promise<void> => {
    const client = await connect();
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const name = tableName(next);
        track.note(name);
        measured.set(name, await measure(client, next, paths));
        track.advance({ items: 1 });
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, queue.length)) }, () => worker()));
  track.end("done");
  return measured;
}

async function measure(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "columns" | "filter" | "generated">,
  paths: readonly string[],
): Promise<Measured> {
  try {
    const fingerprint = await fingerprintTable(client, table).catch((error: unknown) => {
      if (!isLeftToCopy(error)) throw error;
      return fingerprintByCopy(client, table);
    });
    return {
      ...fingerprint,
      generated: table.generated ? await generated(client, table, table.generated, paths) : undefined,
    };
  } catch (error) {
    if (error instanceof OperationError) return { unreadable: error.message };
    throw error;
  }
}

/** A column that is not there, or may not be read, is not measured; why it is not there, the comparison of objects tells. */
async function generated(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "filter">,
  wanted: Generated,
  paths: readonly string[],
): Promise<Generated> {
  for (const path of [undefined, ...paths]) {
    await client.query("begin");
    try {
      if (path !== undefined) await client.query(pathStatement(path));
      return await fingerprintGenerated(client, table, wanted);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      if (!isLeftToCopy(error)) break;
    } finally {
      await client.query("rollback").catch(() => undefined);
    }
  }
  return { ...wanted, columns: wanted.columns.map((column) => ({ ...column, hash: null })) };
}

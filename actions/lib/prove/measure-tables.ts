import type { Client } from "pg";
import { OperationError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log.ts";
import { fingerprintGenerated, fingerprintTable } from "../source/fingerprint.ts";
import { tableName } from "../source/identifier.ts";
import type { Fingerprint, Generated, TableContent } from "../source/inventory/model.ts";
import { fingerprintByCopy, isRowTooLong } from "./hash-by-copy.ts";

/** A fingerprint, or why there is none. */
export type Measured = (Fingerprint & { readonly generated?: Generated | undefined }) | { readonly unreadable: string };

/**
 * Computes the fingerprints of tables, several at once, largest first.
 *
 * @param connect gives a new connection with the pinned settings
 * @returns by `schema.table`
 */
export async function measureTables(
  connect: () => Promise<Client>,
  tables: readonly Pick<TableContent, "schema" | "name" | "columns" | "filter" | "bytes" | "generated">[],
  jobs: number,
  log: Log,
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
        measured.set(name, await measure(client, next));
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
): Promise<Measured> {
  try {
    const fingerprint = await fingerprintTable(client, table).catch((error: unknown) => {
      if (!isRowTooLong(error)) throw error;
      return fingerprintByCopy(client, table);
    });
    return { ...fingerprint, generated: table.generated ? await generated(client, table, table.generated) : undefined };
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
): Promise<Generated> {
  try {
    return await fingerprintGenerated(client, table, wanted);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const columns = wanted.columns.map((column) => ({ ...column, hash: null }));
    return { ...wanted, columns };
  }
}

import { OperationError } from "../../base/errors.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { createRowHasher } from "../../postgres/row-hash/row-hash.ts";
import { extensionRows, extensionTables } from "../../postgres/rows/extension-rows.ts";
import { attachSnapshot, type LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import type { SourceAccess } from "./source-access.ts";

/**
 * Copies the rows of tables that belong to an extension and are in no dump (pgmq's queues, what an audit extension wrote
 * down) under the set's own snapshot. They have to be what the server's fingerprints say.
 *
 * @param inventory with fingerprints
 * @throws OperationError `extension-rows-failed`, `dump-differs`, and what the vault throws
 */
export async function takeExtensionRows(
  source: SourceAccess,
  store: ArtifactStore,
  snapshot: LockedSnapshot,
  inventory: Inventory,
): Promise<Artifact[]> {
  const tables = extensionTables(inventory);
  if (tables.length === 0) return [];
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  const track = source.log.track("rows of extensions", { bytes, items: 0 });
  const client = await source.session("extension rows");
  try {
    await attachSnapshot(client, snapshot.id);
    const name = "data/extensions.sql.zst.pgp";
    const sql = extensionRows(client, inventory, compared);
    const artifact = await store.put({ name, kind: "extension-rows", tables: tables.map(tableName) }, sql, track);
    track.end("done");
    return [artifact];
  } catch (error) {
    track.end("failed");
    throw error;
  } finally {
    await source.hangUp(client);
  }
}

async function* compared(
  { fingerprint, columns, ...table }: TableContent,
  rows: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hasher = createRowHasher(columns.length);
  for await (const chunk of rows) {
    hasher.push(chunk);
    yield chunk;
  }
  const found = hasher.finish();
  if (fingerprint === null || (found.rows === fingerprint.rows && found.hash === fingerprint.hash)) return;
  throw new OperationError(
    "dump-differs",
    `The copy of ${tableName(table)} does not hold its rows as they are at the snapshot.`,
    "Run again; if it comes back, report it with this line.",
  );
}

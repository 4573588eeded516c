import type { Client } from "pg";
import { OperationError } from "../../base/errors.ts";
import { Background, type Stop } from "../../base/flow/bounded.ts";
import { counted } from "../../base/flow/chunks.ts";
import type { Track } from "../../base/log.ts";
import { tableName } from "../../postgres/identifier.ts";
import { type ExportItem, exportLongRows, exportRows, isLeftToCopy } from "../../postgres/rows/export-rows.ts";
import type { LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { readInLanes, type SourceAccess } from "./source-access.ts";

/** Rows up to so many bytes are read whole, so that the session can go on while they are on their way to the vault. */
const smallBytes = 256 * 1024;
/** Small artifacts on their way at a time. Most tables are small, and each costs the store's answer time, not its bandwidth. */
const smallInFlight = 12;

/**
 * Exports tables as NDJSON, under the set's own snapshot, one artifact a table.
 *
 * @param items of tables with fingerprints: each export has to have as many rows
 * @param unasked `schema.table` of those that no query may name: JSON is made here of what COPY gives
 * @throws OperationError `export-failed`, `export-incomplete`, and what the vault throws
 */
export async function takeJsonExport(
  source: SourceAccess,
  store: ArtifactStore,
  stop: Stop,
  snapshot: LockedSnapshot,
  items: readonly ExportItem[],
  unasked: ReadonlySet<string>,
): Promise<Artifact[]> {
  const track = source.log.track("JSON export", {
    bytes: items.reduce((sum, { table }) => sum + table.bytes, 0),
    items: items.length,
  });
  const made = new Map<ExportItem, Artifact>();
  // Rolled back to before each table, so that locks do not pile up in the server's lock table. Not after: with the table stored, a
  // session that is lost then would have it stored again.
  const prepared = new WeakSet<Client>();
  let bytes = 0;
  await using small = new Background(stop, smallInFlight);
  const readings = items.map((item) => async (client: Client) => {
    track.note(tableName(item.table));
    await client.query(prepared.has(client) ? "rollback to savepoint before_table" : "savepoint before_table");
    prepared.add(client);
    const done = (artifact: Artifact): void => {
      made.set(item, artifact);
      track.advance({ bytes: item.table.bytes, items: 1 });
    };
    const take = (rows: typeof exportRows) => {
      const read = counted(rows(client, item.table), (more) => {
        bytes += more;
      });
      return exportTable(read, item, store, small, track, done);
    };
    if (unasked.has(tableName(item.table))) return take(exportLongRows);
    await take(exportRows).catch(async (error: unknown) => {
      if (!isLeftToCopy(error)) throw error;
      await client.query("rollback to savepoint before_table");
      await take(exportLongRows);
    });
  });
  try {
    await readInLanes(source, stop, snapshot.id, readings, () => bytes);
    await small.settled();
  } catch (error) {
    track.end("failed");
    throw error;
  }
  track.end("done");
  return items.flatMap((item) => made.get(item) ?? []);
}

async function exportTable(
  exported: AsyncGenerator<Uint8Array, void, undefined>,
  item: ExportItem,
  store: ArtifactStore,
  small: Background,
  track: Track,
  done: (artifact: Artifact) => void,
): Promise<void> {
  const { table } = item;
  const name = { name: item.artifact, kind: item.kind, tables: [tableName(table)] };
  const rows = countedRows(exported, item);
  const head: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const next = await rows.next();
      if (next.done) {
        await small.add(async () => done(await store.putSmall(name, Buffer.concat(head, bytes))));
        return;
      }
      head.push(next.value);
      bytes += next.value.length;
      if (bytes > smallBytes) break;
    }
    done(await store.put(name, continued(head, rows), track));
  } finally {
    await rows.return();
  }
}

async function* continued(
  head: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* head;
  yield* rest;
}

const lineFeed = 0x0a;

/** Ends well only when there were as many lines as the table has rows: NDJSON holds no other line feeds. */
async function* countedRows(
  source: AsyncIterable<Uint8Array>,
  { table }: ExportItem,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rows = 0;
  for await (const chunk of source) {
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1)) rows += 1;
    yield chunk;
  }
  if (table.fingerprint === null || String(rows) === table.fingerprint.rows) return;
  throw new OperationError(
    "export-incomplete",
    `The JSON export of ${tableName(table)} has ${rows} rows; the snapshot has ${table.fingerprint.rows}.`,
    "Run again; if it comes back, report it with this line.",
  );
}

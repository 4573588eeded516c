import type { Client } from "pg";
import { describeCode, OperationError } from "../../../base/errors.ts";
import type { Log, Track } from "../../../base/log.ts";
import {
  type DataBlock,
  type LargeObjectBlock,
  readArchive,
  type TableBlock,
} from "../../../postgres/dump/archive/data.ts";
import { readPlainDump } from "../../../postgres/dump/plain/read.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint, Inventory } from "../../../postgres/inventory/model.ts";
import { createRowHasher } from "../../../postgres/row-hash/row-hash.ts";
import type { Artifact } from "../../../vault/format/manifest.ts";
import type { DataPlan, Family } from "../plan/plan-data.ts";
import type { Journal } from "../target/journal.ts";
import { transactionsOverOrphans } from "./broken-keys.ts";
import { scheduleJobs } from "./cron-jobs.ts";
import { loadItem, loadTable, projectColumns } from "./load-table.ts";

/** What loading needs: where the bytes come from, how to reach the target, what to load. */
export interface DataTask {
  readonly artifacts: readonly Artifact[];
  /** Of the set. */
  readonly inventory: Inventory;
  /** The plain archive: verified, opened and decompressed on the way. */
  readonly open: (artifact: Artifact) => AsyncIterable<Uint8Array>;
  readonly connect: () => Promise<Client>;
  readonly plan: DataPlan;
  readonly journal: Journal;
  readonly mayReplicate: boolean;
  /** Search path in the place of pg_catalog alone, for what generated columns and checks call. */
  readonly path?: string;
  /** SQL for the end of each transaction that brings rows; see `LoadingWay`. */
  readonly afterRows?: string;
  readonly log: Log;
}

/** `schema.table` of those that rows are still to come for. */
export function rowsToCome({ plan, journal }: DataTask): string[] {
  return [...plan.loads].filter(([, { table }]) => !journal.isDone(loadItem(table))).map(([name]) => name);
}

type Failures = Map<string, string>;

/**
 * Streams one artifact into the target without touching a disk. What the journal knows is passed over.
 * @param failures why a table's rows did not go in, by `schema.table`
 * @param onLoaded told of each table whose rows are in, or will not come
 */
export async function loadArtifact(
  task: DataTask,
  client: Client,
  artifact: Artifact,
  failures: Failures,
  onLoaded: (table: string) => void,
): Promise<void> {
  const item = `artifact ${artifact.name}`;
  if (task.journal.isDone(item)) return;
  const track = task.log.track(artifact.name, { bytes: artifact.plainBytes, items: 0 });
  let whole = true;
  try {
    for await (const block of await rowsIn(artifact, task.open(artifact), task.inventory)) {
      if (block.kind === "table") {
        const name = await loadBlock(task, client, block, failures, track);
        whole &&= !failures.has(name) && !mayStillCome(task, name);
        // Rows of others may still come into it: what is built on it waits for all.
        if (task.plan.loads.get(name)?.through === undefined) onLoaded(name);
      } else await loadLargeObjects(task, client, block, track);
    }
    if (whole) await task.journal.note(client, item);
    track.end("done");
  } catch (error) {
    track.end("failed");
    throw error;
  }
}

/** Whether a table is not there that should be: a second attempt may make it, and then its rows are wanted. */
function mayStillCome({ plan }: DataTask, name: string): boolean {
  return plan.left.some(({ table, expected }) => !expected && tableName(table) === name);
}

/** What an artifact holds, from its plain bytes: a data archive, or the plain SQL that stands in for one. */
export async function rowsIn(
  { kind }: Pick<Artifact, "kind">,
  plain: AsyncIterable<Uint8Array>,
  inventory: Inventory,
): Promise<AsyncIterable<DataBlock>> {
  if (kind === "sql" || kind === "extension-rows") return readPlainDump(plain, inventory).blocks();
  return (await readArchive(plain)).blocks();
}

/** @returns the table's `schema.table` */
async function loadBlock(
  task: DataTask,
  client: Client,
  block: TableBlock,
  failures: Failures,
  track: Track,
): Promise<string> {
  const name = tableName({ schema: block.entry.namespace, name: block.entry.tag });
  if (name === "cron.job" && task.plan.cronJobs !== undefined) {
    const { columns } = task.plan.cronJobs;
    const from = { rows: block.chunks(), columns, database: task.inventory.database };
    const refused = await scheduleJobs(client, from, task.journal);
    if (refused.length > 0) failures.set(name, refused.join("; "));
    return name;
  }
  const load = task.plan.loads.get(name);
  if (load === undefined || task.journal.isDone(loadItem(load.table))) return name;
  track.note(name);
  // Projected rows may wait in a chunk that has passed; whole ones go straight to the server.
  const whole = load.keep === undefined && load.blank === undefined;
  const rows = counted(block.chunks({ recycled: whole }), track);
  const keep = load.keep ?? load.table.columns.map((_, place) => place);
  let reduced: Fingerprint | undefined;
  const source = whole
    ? rows
    : hashed(projectColumns(rows, keep, load.blank), keep.length, (fingerprint) => {
        reduced = fingerprint;
      });
  const way = load.through === undefined ? task : { ...task, brought: transactionsOf(task.journal, load.through) };
  const failure = await loadTable(client, load, source, way, () => reduced);
  if (failure !== undefined) failures.set(name, failure);
  return name;
}

/** Those that brought rows into any of the partitions, and those that put rows back. */
export function transactionsOf(journal: Journal, { leaves }: Pick<Family, "leaves">): string[] {
  const loads = leaves.flatMap((leaf) => journal.transaction(loadItem(leaf)) ?? []);
  return [...loads, ...transactionsOverOrphans(journal)];
}

async function* counted(chunks: AsyncIterable<Uint8Array>, track: Track): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    track.advance({ bytes: chunk.length });
    yield chunk;
  }
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  columns: number,
  tell: (fingerprint: Fingerprint) => void,
): AsyncGenerator<Uint8Array> {
  const hasher = createRowHasher(columns);
  for await (const chunk of chunks) {
    hasher.push(chunk);
    yield chunk;
  }
  tell(hasher.finish());
}

/** A block of large objects is one transaction: the objects and the note of them are there together or not at all. */
async function loadLargeObjects(task: DataTask, client: Client, block: LargeObjectBlock, track: Track): Promise<void> {
  const item = `large objects ${block.entry.dumpId}`;
  if (task.journal.isDone(item)) return;
  await client.query("begin");
  try {
    for await (const object of block.objects()) {
      track.note(`large object ${object.oid}`);
      await loadLargeObject(client, object.oid, counted(object.chunks(), track));
    }
    await task.journal.note(client, item);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

const writeBytes = 1_048_576;

/**
 * Creates one large object under its own OID and fills it, 1 MiB a call. Owner, grants and comment follow with those of
 * all objects.
 *
 * @throws OperationError `large-object-failed`
 */
export async function loadLargeObject(client: Client, oid: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await client.query("select lo_create($1::oid)", [oid]);
    let offset = 0;
    let waiting: Uint8Array[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      if (size === 0) return;
      await client.query("select lo_put($1::oid, $2::int8, $3::bytea)", [oid, String(offset), Buffer.concat(waiting)]);
      offset += size;
      waiting = [];
      size = 0;
    };
    for await (const chunk of chunks) {
      waiting.push(chunk);
      size += chunk.length;
      if (size >= writeBytes) await flush();
    }
    await flush();
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw new OperationError(
      "large-object-failed",
      `Large object ${oid} could not be written to the target (${describeCode(error)}).`,
      "Empty the target and restore again.",
    );
  }
}

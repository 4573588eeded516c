import type { Client } from "pg";
import { counted } from "../../../base/flow/chunks.ts";
import type { Log, Track } from "../../../base/log.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint, Inventory, TableContent } from "../../../postgres/inventory/model.ts";
import { createRowHasher } from "../../../postgres/row-hash/row-hash.ts";
import type { DataBlock } from "../../../postgres/rows/data-sql.ts";
import { readLargeObjectsSql } from "../../../postgres/rows/large-objects.ts";
import type { Artifact } from "../../../vault/format/manifest.ts";
import { blocksIn, holdsRows } from "../../../vault/sets/rows.ts";
import type { DataPlan, TableLoad } from "../plan/plan-data.ts";
import type { Journal } from "../target/journal.ts";
import { scheduleJobs } from "./cron-jobs.ts";
import { loadLargeObjects } from "./large-objects.ts";
import { loadBatch, loadPart, type PartText } from "./load-batch.ts";
import { isLoaded, itemIn, loadChanged, loadItems, type PartLoad, projectColumns } from "./load-table.ts";

/** What loading needs: where the bytes come from, how to reach the target, what to load. */
export interface DataTask {
  readonly artifacts: readonly Artifact[];
  /** Of the set. */
  readonly inventory: Inventory;
  /** The plain bytes: verified, opened and decompressed on the way. */
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
  return [...plan.loads].filter(([, { table }]) => !isLoaded(journal, table)).map(([name]) => name);
}

/** What came of loading so far, in all sessions. */
export interface Loading {
  /** Why rows did not go in, by `schema.table`. */
  readonly failures: Map<string, string>;
  /** The journal's names of the parts that were tried. */
  readonly tried: Set<string>;
  /** Tables that hold nothing of somebody else's. */
  readonly checked: Set<string>;
  /** Told of each table whose rows are in, or will not come. */
  readonly onLoaded: (table: string) => void;
}

/** A table of more text than this travels alone, and so much text of others together: it is held in memory. */
const smallBytes = 256 * 1024;
const batchBytes = 1024 * 1024;
/** As many go together: each is a lock and some statements. */
const batchTables = 200;

/** Streams one artifact into the target without touching a disk. What the journal knows is passed over. */
export async function loadArtifact(
  task: DataTask,
  client: Client,
  artifact: Artifact,
  loading: Loading,
): Promise<void> {
  if (holdsRows(artifact) && !isWanted(task, artifact)) return;
  const track = task.log.track(artifact.name, { bytes: artifact.plainBytes, items: 0 });
  try {
    if (holdsRows(artifact)) await new Loader(task, client, artifact, loading, track).run();
    else {
      const lines = readLargeObjectsSql(task.open(artifact), task.inventory.largeObjects);
      await loadLargeObjects(task.journal, client, lines, track);
    }
    track.end("done");
  } catch (error) {
    track.end("failed");
    throw error;
  }
}

/** Whether rows of it are still to come. */
function isWanted({ plan, journal }: DataTask, { name, tables = [] }: Artifact): boolean {
  return tables.some((table) => {
    const load = plan.loads.get(table);
    return load === undefined ? isCron(plan, table) : !journal.isDone(itemIn(load.table, name));
  });
}

const isCron = ({ cronJobs }: DataPlan, table: string): boolean => cronJobs !== undefined && table === "cron.job";

/** Loads the tables of one data file, small ones several at once. */
class Loader {
  readonly #task: DataTask;
  readonly #client: Client;
  readonly #artifact: Artifact;
  readonly #loading: Loading;
  readonly #track: Track;
  #batch: PartText[] = [];
  #bytes = 0;

  constructor(task: DataTask, client: Client, artifact: Artifact, loading: Loading, track: Track) {
    this.#task = task;
    this.#client = client;
    this.#artifact = artifact;
    this.#loading = loading;
    this.#track = track;
  }

  async run(): Promise<void> {
    const plain = counted(this.#task.open(this.#artifact), (bytes) => this.#track.advance({ bytes }));
    for await (const block of blocksIn(this.#artifact, plain, this.#task.inventory)) await this.#take(block);
    await this.#flush();
  }

  async #take({ table, chunks }: DataBlock): Promise<void> {
    const { plan, journal } = this.#task;
    const name = tableName(table);
    const load = plan.loads.get(name);
    const item = itemIn(table, this.#artifact.name);
    if (load === undefined) {
      if (isCron(plan, name)) await this.#schedule(table, chunks());
      return;
    }
    if (journal.isDone(item)) return;
    this.#track.note(name);
    const part = { load, item, checked: this.#loading.checked.has(name) };
    const changed = load.keep !== undefined || load.blank !== undefined || load.quiet !== undefined;
    const rows = chunks();
    if (changed) return this.#tell(load, item, await this.#change(part, rows));
    const text: Uint8Array[] = [];
    let bytes = 0;
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      text.push(next.value);
      bytes += next.value.length;
      if (bytes <= smallBytes) continue;
      return this.#tell(load, item, await loadPart(this.#client, { ...part, text: joined(text, rows) }, this.#task));
    }
    this.#batch.push({ ...part, text });
    this.#bytes += bytes;
    if (this.#bytes >= batchBytes || this.#batch.length >= batchTables) await this.#flush();
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    await loadBatch(this.#client, batch, this.#task, (part, failure) => this.#tell(part.load, part.item, failure));
  }

  #change(part: PartLoad, rows: AsyncIterable<Uint8Array>): Promise<string | undefined> {
    const { keep, blank, table } = part.load;
    if (keep === undefined && blank === undefined)
      return loadChanged(this.#client, part, rows, this.#task, () => undefined);
    const kept = keep ?? table.columns.map((_, place) => place);
    let reduced: Fingerprint | undefined;
    const projected = hashed(projectColumns(rows, kept, blank), kept.length, (fingerprint) => {
      reduced = fingerprint;
    });
    return loadChanged(this.#client, part, projected, this.#task, () => reduced);
  }

  #tell({ table, through }: TableLoad, item: string, failure: string | undefined): void {
    const { failures, tried, checked, onLoaded } = this.#loading;
    const name = tableName(table);
    tried.add(item);
    if (failure === undefined) checked.add(name);
    else failures.set(name, failure);
    // Rows of others may still come into it: what is built on it waits for all.
    const ended = (one: string) => tried.has(one) || this.#task.journal.isDone(one);
    if (through === undefined && loadItems(table).every(ended)) onLoaded(name);
  }

  async #schedule({ columns }: TableContent, rows: AsyncIterable<Uint8Array>): Promise<void> {
    const { inventory, journal } = this.#task;
    const from = { rows, columns, database: inventory.database };
    const refused = await scheduleJobs(this.#client, from, journal);
    if (refused.length > 0) this.#loading.failures.set("cron.job", refused.join("; "));
  }
}

async function* joined(
  first: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* first;
  yield* rest;
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  columns: number,
  tell: (fingerprint: Fingerprint) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hasher = createRowHasher(columns);
  for await (const chunk of chunks) {
    hasher.push(chunk);
    yield chunk;
  }
  tell(hasher.finish());
}

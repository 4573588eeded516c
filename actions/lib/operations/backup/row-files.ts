import { randomInt } from "node:crypto";
import { Background, type Stop } from "../../base/flow/bounded.ts";
import { counted, heldBack, readAhead } from "../../base/flow/chunks.ts";
import type { Track } from "../../base/log.ts";
import { assertRowsComplete } from "../../compare/dump-checks.ts";
import { tableName } from "../../postgres/identifier.ts";
import {
  type Fingerprint,
  type Inventory,
  type Part,
  sumOf,
  type TableContent,
} from "../../postgres/inventory/model.ts";
import type { RowInput } from "../../postgres/row-hash/memory.ts";
import { copyMemory } from "../../postgres/rows/copy-frames.ts";
import { differs, type HashedRows, readDataFile } from "../../postgres/rows/data-file.ts";
import { type DataFile, nameOfTry } from "../../postgres/rows/data-plan.ts";
import type { LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import { addBuckets } from "../../vault/sets/table-index.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { type Reading, type SourceAccess, withReason } from "./source-access.ts";

/**
 * The files of rows on their way into the vault. A session is free for the next as soon as a file has been read: the last of it is
 * sent, and read back, in the background.
 */
export class FilesRead implements AsyncDisposable {
  readonly #source: SourceAccess;
  readonly #store: ArtifactStore;
  readonly #snapshot: LockedSnapshot;
  readonly #files: readonly DataFile[];
  readonly #rows: RowsRead;
  readonly #sending: Background;
  readonly #track: Track;
  readonly #artifacts = new Map<DataFile, Artifact>();
  /** Of files that have been stored: what a failed one has left may still be in use. */
  readonly #spare: RowInput[] = [];
  #ended = false;
  #bytes = 0;

  constructor(
    source: SourceAccess,
    store: ArtifactStore,
    stop: Stop,
    snapshot: LockedSnapshot,
    files: readonly DataFile[],
    rows: RowsRead,
  ) {
    this.#source = source;
    this.#store = store;
    this.#snapshot = snapshot;
    this.#files = files;
    this.#rows = rows;
    this.#sending = new Background(stop, source.policy.jobs);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    this.#track = source.log.track("rows", { bytes, items: files.length });
  }

  /** @returns what reads the file through a session, and sends it */
  reading(file: DataFile): Reading {
    return async (client, attempt) => {
      this.#track.note(file.name.replace(/^data\/|\.sql\.zst\.pgp$/g, ""));
      const input = this.#spare.pop() ?? copyMemory();
      const found = new Map<TableContent, HashedRows>();
      const read = readDataFile(client, file, input, (table, hashed) => void found.set(table, hashed));
      const rows = counted(read, (bytes) => {
        this.#bytes += bytes;
      });
      const ended = Promise.withResolvers<void>();
      const name = nameOfTry(file, attempt);
      const artifact = { name, kind: file.kind, tables: file.tables.map(tableName) };
      // Rows are hashed while those before them are compressed.
      const source = heldBack(readAhead(rows), async () => ended.resolve());
      const stored = this.#store.put(artifact, source, this.#track).then((made) => {
        this.#rows.stored(file, name, found);
        this.#artifacts.set(file, made);
        this.#spare.push(input);
        this.#track.advance({ items: 1 });
      });
      try {
        await Promise.race([ended.promise, stored]);
      } catch (error) {
        throw await withReason(this.#source, this.#snapshot, file.tables, error);
      }
      await this.#sending.add(() => stored);
    };
  }

  /** That have been read, those of a file that has to be read again included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws what the first of those that were still being sent has thrown */
  async settled(): Promise<void> {
    await this.#sending.settled();
    this.#ended = true;
  }

  /** In the order of the plan, when all have been stored. */
  artifacts(): Artifact[] {
    return this.#files.flatMap((file) => this.#artifacts.get(file) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sending[Symbol.asyncDispose]();
    this.#track.end(this.#ended ? "done" : "failed");
  }
}

/** So much the server hashes too in every run, by tables in random order: what both have read has to be the same. */
const comparedBytes = 32 * 1024 * 1024;

/**
 * The fingerprints of rows that were hashed on their way from the database into the vault: a server that has to write every row
 * once more, only to hash it, takes longer for that than for the rows. See runbooks/decisions/0008-fingerprints-on-the-way.md.
 */
export class RowsRead {
  /** By the table's OID: a place for each file that is to hold rows of it. */
  readonly #parts = new Map<string, (Part | undefined)[]>();
  readonly #places = new Map<DataFile, number>();
  readonly #buckets = new Map<string, Buffer>();

  constructor(files: readonly DataFile[]) {
    for (const file of files) {
      for (const { oid } of file.tables) {
        const parts = this.#parts.get(oid) ?? [];
        this.#places.set(file, parts.length);
        this.#parts.set(oid, [...parts, undefined]);
      }
    }
  }

  /**
   * A file of the plan is stored, under a name of its try.
   * @param found what it holds of each of its tables
   */
  stored(file: DataFile, artifact: string, found: ReadonlyMap<TableContent, HashedRows>): void {
    const place = file.slice === undefined ? 0 : (this.#places.get(file) ?? 0);
    for (const [{ oid }, { rows, hash, buckets }] of found) {
      const parts = this.#parts.get(oid);
      if (parts !== undefined) parts[place] = { artifact, rows, hash };
      // Thousands of tables have a few rows each: packed, they are next to nothing.
      if (buckets !== undefined) this.#buckets.set(oid, addBuckets(this.#buckets.get(oid), buckets));
    }
  }

  /** By OID, of tables with a key: the sums of their buckets, packed, over all of their slices. */
  get buckets(): ReadonlyMap<string, Buffer> {
    return this.#buckets;
  }

  /**
   * The inventory with the parts of every table and what they add up to.
   * @param said by OID, the fingerprints that the server was asked for
   * @throws OperationError `dump-incomplete` when a table's rows are not in the files, `dump-differs` when they are not what
   * the server says; both name the tables
   */
  settle(inventory: Inventory, said: ReadonlyMap<string, Fingerprint>): Inventory {
    assertRowsComplete(inventory, this.#parts);
    const wrong: TableContent[] = [];
    const tables = inventory.tables.map((table) => {
      const parts = this.#parts.get(table.oid)?.filter((part) => part !== undefined);
      const server = said.get(table.oid);
      if (parts === undefined) return { ...table, fingerprint: server ?? null };
      const fingerprint = sumOf(parts);
      if (server !== undefined && (server.rows !== fingerprint.rows || server.hash !== fingerprint.hash))
        wrong.push(table);
      return { ...table, fingerprint, parts };
    });
    if (wrong.length > 0) throw differs(wrong, "are not in the files as the server has them at the snapshot");
    return { ...inventory, tables };
  }
}

/**
 * Tables that the server is to hash too, in random order as far as they are small enough together: none where its text is in
 * another encoding than ours.
 * @param unasked `schema.table` of those that it is not to be asked about
 */
export function chooseCompared(
  { tables, objects }: Inventory,
  unasked: ReadonlySet<string>,
  bytes = comparedBytes,
): TableContent[] {
  if (!objects.some(({ kind, definition }) => kind === "database" && definition.includes("encoding UTF8"))) return [];
  const left = tables.filter((table) => table.carried && table.bytes <= bytes && !unasked.has(tableName(table)));
  const chosen: TableContent[] = [];
  for (let room = bytes; left.length > 0; ) {
    const [next] = left.splice(randomInt(left.length), 1);
    if (next === undefined || next.bytes > room) continue;
    chosen.push(next);
    room -= next.bytes;
  }
  return chosen;
}

import { OperationError } from "../../base/errors.ts";
import { type Stop, together } from "../../base/flow/bounded.ts";
import { assertContentsComplete, assertSqlSchemaComplete, movedObjects } from "../../compare/dump-checks.ts";
import type { TocEntry } from "../../postgres/dump/archive/toc.ts";
import { plainArguments, runPgDump } from "../../postgres/dump/pg-dump.ts";
import { PlainDumpParser, type PlainEvent } from "../../postgres/dump/plain/parser.ts";
import { trueNames } from "../../postgres/dump/plain/read.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Fingerprint, Inventory } from "../../postgres/inventory/model.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { createRowHasher, type RowHasher } from "../../postgres/row-hash/row-hash.ts";
import { attachSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { type DataStage, withReason } from "./data-stage.ts";
import { takeFingerprints } from "./fingerprints.ts";
import { heldBack, type SchemaStage } from "./schema-stage.ts";
import type { SourceAccess } from "./source-access.ts";

export const sqlArtifact = { name: "database.sql.zst.pgp", kind: "sql" } as const;

/** A store that keeps nothing: the archive's schema is dumped once ahead, only to be compared with the catalogue. */
export const nowhere: Pick<ArtifactStore, "put"> = {
  async put(artifact, source) {
    for await (const _chunk of source);
    return { ...artifact, plainBytes: 0, segments: [] };
  },
};

/**
 * Dumps the whole database as plain SQL, and takes the fingerprints beside, under the one snapshot. The SQL is read as it
 * goes by: it has to list every object, and to hold the rows that the fingerprints say.
 *
 * @throws OperationError `dump-failed`, `dump-incomplete`, `dump-differs`, `definitions-moved`, `plain-dump-damaged`, and what
 * the vault throws
 */
export async function takeArchive(
  source: SourceAccess,
  store: ArtifactStore,
  stop: Stop,
  { snapshot, inventory }: Pick<SchemaStage, "snapshot" | "inventory">,
): Promise<DataStage> {
  const seen = new SeenDump(inventory);
  const dump = async (): Promise<DataStage> => {
    const bytes = inventory.tables.reduce((sum, table) => sum + (table.carried ? table.bytes : 0), 0);
    const track = source.log.track("SQL", { bytes, items: 0 });
    try {
      const sql = seen.watch(
        runPgDump(source.dump(snapshot.id), plainArguments(inventory), "the database as SQL"),
        () => assertUnmoved(source, inventory),
      );
      const whole = heldBack(sql, async () => seen.assertComplete());
      const artifact = await store.put(sqlArtifact, whole, track);
      track.end("done");
      return { artifacts: [artifact], inventory };
    } catch (error) {
      track.end("failed");
      throw await withReason(
        source,
        snapshot,
        inventory.tables.filter(({ carried }) => carried),
        error,
      );
    }
  };
  const fingerprints = async (): Promise<DataStage> => {
    const beside = await source.session("fingerprints");
    await attachSnapshot(beside, snapshot.id);
    const filled = await takeFingerprints(inventory, [snapshot.client, beside], stop, source.log);
    await source.hangUp(beside);
    return { artifacts: [], inventory: filled.inventory };
  };
  const [made, filled] = await together(stop, [dump, fingerprints]);
  const result = { artifacts: made?.artifacts ?? [], inventory: filled?.inventory ?? inventory };
  seen.assertEqual(result.inventory);
  return result;
}

/** What pg_dump has written so far. */
class SeenDump {
  readonly #inventory: Inventory;
  readonly #toc: TocEntry[] = [];
  readonly #rows = new Map<string, Fingerprint>();
  #hasher: RowHasher | undefined;
  #oid = "";

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  /** @param first runs when pg_dump writes its first bytes: it has read every definition by then, and no row yet */
  async *watch(
    source: AsyncIterable<Uint8Array>,
    first: () => Promise<void>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const parser = new PlainDumpParser();
    const nameOf = trueNames(this.#inventory);
    const take = (events: readonly PlainEvent[]): void => {
      for (const event of events) {
        if (event.kind === "entry") this.#begin(nameOf(event.entry));
        else if (event.kind === "rows") this.#hasher?.push(event.bytes);
        else if (event.kind === "rows-end" && this.#hasher !== undefined) {
          this.#rows.set(this.#oid, this.#hasher.finish());
        }
      }
    };
    let begun = false;
    for await (const chunk of source) {
      if (!begun) await first();
      begun = true;
      take(parser.push(chunk));
      yield chunk;
    }
    take(parser.finish());
  }

  #begin(entry: TocEntry): void {
    this.#toc.push(entry);
    if (entry.desc !== "TABLE DATA") return;
    const table = this.#inventory.tables.find(({ oid }) => oid === entry.oid);
    this.#hasher = table === undefined ? undefined : createRowHasher(table.columns.length);
    this.#oid = entry.oid;
  }

  assertComplete(): void {
    assertSqlSchemaComplete(this.#inventory, this.#toc);
    assertContentsComplete(this.#inventory, this.#toc);
  }

  assertEqual({ tables }: Inventory): void {
    const wrong = tables.filter(({ carried, fingerprint, oid }) => {
      const found = this.#rows.get(oid);
      return carried && (found?.rows !== fingerprint?.rows || found?.hash !== fingerprint?.hash);
    });
    if (wrong.length === 0) return;
    const names = wrong.slice(0, 10).map(tableName);
    throw new OperationError(
      "dump-differs",
      `The SQL does not hold the rows of ${wrong.length} tables as they are at the snapshot: ${names.join(", ")}.`,
      "Run again; if it comes back, report it with this line.",
    );
  }
}

/** pg_get_viewdef and its kin read the present, not the snapshot: see schema-stage. */
async function assertUnmoved(source: SourceAccess, before: Inventory): Promise<void> {
  const client = await source.session("inventory");
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const moved = movedObjects(before.objects, (await readInventory(client)).objects);
    if (moved.length === 0) return;
    const names = moved.slice(0, 5).map(({ kind, identity }) => `${kind} ${identity}`);
    throw new OperationError(
      "definitions-moved",
      `Definitions changed as the dump began: ${names.join(", ")}.`,
      "Run again when no migration is under way.",
    );
  } finally {
    await source.hangUp(client);
  }
}

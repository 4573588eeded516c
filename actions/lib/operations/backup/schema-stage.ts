import { setTimeout as delay } from "node:timers/promises";
import { OperationError } from "../../base/errors.ts";
import { heldBack } from "../../base/flow/chunks.ts";
import { few } from "../../base/measures.ts";
import { assertSchemaComplete, movedObjects } from "../../compare/dump-checks.ts";
import { inspectArchive } from "../../postgres/dump/archive/inspect.ts";
import { runPgDump, schemaArguments } from "../../postgres/dump/pg-dump.ts";
import type { Inventory, InventoryObject } from "../../postgres/inventory/model.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { type LockedSnapshot, takeLockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import type { DdlGuard, SourceAccess } from "./source-access.ts";

/** What everything else of a set is read by. */
export interface Catalogue {
  readonly snapshot: LockedSnapshot;
  /** Without fingerprints. */
  readonly inventory: Inventory;
}

export const schemaArtifact = { name: "schema.dump.zst.pgp", kind: "schema" } as const;

/** Takes the snapshot and reads the catalogue under it. @throws as takeLockedSnapshot */
export async function takeCatalogue(source: SourceAccess, guard: DdlGuard): Promise<Catalogue> {
  const holder = await source.session("snapshot");
  const snapshot = await takeLockedSnapshot(holder, source.policy.lockWaitSeconds, source.log);
  guard.holds(snapshot.pid);
  await holder.query("SET LOCAL row_security = off");
  return { snapshot, inventory: await readInventory(holder) };
}

/**
 * Dumps the schema, makes SQL of it, and makes sure that it says what the catalogue does. That was read before the dump and is read
 * again after it: definitions that changed in between cannot be told from those of the snapshot.
 *
 * @returns the dump, and the SQL that is made of it, which is stored when the dump has been found right
 * @throws OperationError `dump-incomplete`; `definitions-moved`: everything has to start over; as runPgDump
 */
export async function dumpSchema(
  source: SourceAccess,
  store: Pick<ArtifactStore, "put">,
  { snapshot, inventory }: Catalogue,
): Promise<Artifact[]> {
  const track = source.log.track("schema", undefined);
  await using made = source.schemaSql();
  try {
    const dump = inspectArchive(made.watch(runPgDump(source.dump(snapshot.id), schemaArguments(), "the schema")));
    const stream = heldBack(dump.stream, async () => {
      assertSchemaComplete(inventory, await dump.toc);
      await assertUnmoved(source, inventory);
    });
    const schema = await store.put(schemaArtifact, stream, track);
    const sql = made.parts.map(({ name, sql }) => store.put({ name, kind: "schema-sql" }, sql()));
    const artifacts = [schema, ...(await Promise.all(sql))];
    track.end("done");
    return artifacts;
  } catch (error) {
    track.end("failed");
    throw error;
  }
}

const dumping = "select from pg_stat_activity where application_name = 'lifeboat/dump'";

/**
 * Waits until pg_dump has its connection, or needs none any more: it gives up where there is none left, and those who read rows make do
 * with fewer.
 */
export async function untilConnected({ snapshot }: Catalogue, dump: Promise<unknown>): Promise<void> {
  let over = false;
  const ended = (): void => {
    over = true;
  };
  dump.then(ended, ended);
  while (!over && (await snapshot.client.query(dumping)).rowCount === 0) {
    // What was seen of others' sessions is kept until the transaction ends.
    await snapshot.client.query("select pg_stat_clear_snapshot()");
    await delay(20);
  }
}

async function assertUnmoved(source: SourceAccess, before: Inventory): Promise<void> {
  const client = await source.session("inventory");
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const after = await readInventory(client);
    const moved = movedObjects(before.objects, after.objects);
    if (moved.length === 0) return;
    throw new OperationError(
      "definitions-moved",
      `Definitions changed during the backup: ${nameFew(moved)}.`,
      "Run again when no migration is under way.",
    );
  } finally {
    await source.hangUp(client);
  }
}

function nameFew(objects: readonly InventoryObject[]): string {
  return few(
    objects.map(({ kind, identity }) => `${kind} ${identity}`),
    5,
  );
}

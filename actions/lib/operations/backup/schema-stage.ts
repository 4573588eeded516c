import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import { heldBack } from "../../base/flow/chunks.ts";
import { few } from "../../base/measures.ts";
import { assertSchemaComplete, movedObjects } from "../../compare/dump-checks.ts";
import { inspectArchive } from "../../postgres/dump/archive/inspect.ts";
import { runPgDump, schemaArguments } from "../../postgres/dump/pg-dump.ts";
import type { Inventory, InventoryObject } from "../../postgres/inventory/model.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { plannedWithOthersCode } from "../../postgres/rows/others-code.ts";
import { type LockedSnapshot, takeLockedSnapshot, whileHeld } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import type { DdlGuard, SourceAccess } from "./source-access.ts";

/** What everything else of a set is read by. */
export interface Catalogue {
  readonly snapshot: LockedSnapshot;
  /** Without fingerprints. */
  readonly inventory: Inventory;
  /** `schema.table` of tables and views that no query of ours names (`plannedWithOthersCode`): their rows come by plain COPY. */
  readonly unasked: ReadonlySet<string>;
  /** Size of the whole database, in decimal digits. */
  readonly databaseBytes: string;
}

export const schemaArtifact = { name: "schema.dump.zst.pgp", kind: "schema" } as const;

/** Takes the snapshot and reads the catalogue under it. @throws OperationError `snapshot-lost`, and as takeLockedSnapshot */
export async function takeCatalogue(source: SourceAccess, guard: DdlGuard): Promise<Catalogue> {
  const holder = await source.session("snapshot");
  return whileHeld(holder, async () => {
    const snapshot = await takeLockedSnapshot(holder, source.policy.lockWaitSeconds, source.log);
    guard.holds(snapshot.pid);
    await holder.query("SET LOCAL row_security = off");
    const size = await holder.query("select pg_database_size(current_database())::text as bytes");
    const { bytes: databaseBytes } = z.object({ bytes: z.string() }).parse(size.rows[0]);
    const inventory = await readInventory(holder);
    return { snapshot, inventory, unasked: await plannedWithOthersCode(holder), databaseBytes };
  });
}

/**
 * Dumps the schema, makes SQL of it, and makes sure that it says what the catalogue does. That was read before the dump and is read
 * again after it: definitions that changed in between cannot be told from those of the snapshot.
 *
 * @param session for pg_dump, which nobody else has any use of; it is hung up when pg_dump has ended
 * @returns the dump, and the SQL that is made of it, which is stored when the dump has been found right
 * @throws OperationError `dump-incomplete`; `definitions-moved`: everything has to start over; as runPgDump
 */
export async function dumpSchema(
  source: SourceAccess,
  store: Pick<ArtifactStore, "put">,
  session: Client,
  { snapshot, inventory }: Pick<Catalogue, "snapshot" | "inventory">,
): Promise<Artifact[]> {
  const track = source.log.track("schema", undefined);
  await using made = source.schemaSql();
  try {
    const dump = inspectArchive(made.watch(dumpBy(source, session, { snapshot, inventory })));
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

/** pg_dump over a relay, which answers most of its questions before it asks them. */
async function* dumpBy(
  source: SourceAccess,
  session: Client,
  { snapshot, inventory }: Pick<Catalogue, "snapshot" | "inventory">,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    await using relay = await source.relay(session, inventory);
    yield* runPgDump(source.dump(snapshot.id, relay), schemaArguments(), "the schema");
  } finally {
    await source.hangUp(session);
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

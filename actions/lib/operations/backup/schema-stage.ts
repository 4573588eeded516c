import { OperationError } from "../../base/errors.ts";
import { heldBack } from "../../base/flow/chunks.ts";
import type { Track } from "../../base/log.ts";
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

export interface SchemaStage {
  readonly snapshot: LockedSnapshot;
  /** Without fingerprints. */
  readonly inventory: Inventory;
  /** The dump, and the SQL that is made of it. */
  readonly artifacts: readonly Artifact[];
}

export const schemaArtifact = { name: "schema.dump.zst.pgp", kind: "schema" } as const;
const attempts = 3;

/**
 * Takes the snapshot, reads the catalogue under it, dumps the schema and makes sure that the two say the same. The
 * catalogue is read before the dump and again after it: definitions that changed in between cannot be told from those of
 * the snapshot, so everything starts over with a new one.
 *
 * @throws OperationError `dump-incomplete`; `definitions-moved` when DDL kept running; as takeLockedSnapshot and runPgDump
 */
export async function takeSchema(
  source: SourceAccess,
  store: Pick<ArtifactStore, "put">,
  guard: DdlGuard,
): Promise<SchemaStage> {
  let moved: readonly InventoryObject[] = [];
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const holder = await source.session("snapshot");
    let held: number | undefined;
    try {
      const snapshot = await takeLockedSnapshot(holder, source.policy.lockWaitSeconds, source.log);
      held = snapshot.pid;
      guard.holds(held);
      await holder.query("SET LOCAL row_security = off");
      const inventory = await readInventory(holder);
      const track = source.log.track("schema", undefined);
      try {
        const artifacts = await storeSchema(source, store, { snapshot, inventory }, track);
        track.end("done");
        return { snapshot, inventory, artifacts };
      } catch (error) {
        track.end("failed");
        throw error;
      }
    } catch (error) {
      if (held !== undefined) guard.releases(held);
      await source.hangUp(holder);
      if (!(error instanceof DefinitionsMoved)) throw error;
      moved = error.objects;
      source.log.info(`Definitions changed during the schema dump (${nameFew(moved)}); taking another snapshot.`);
    }
  }
  throw new OperationError(
    "definitions-moved",
    `Definitions kept changing during the backup: ${nameFew(moved)}.`,
    "Run again when no migration is under way.",
  );
}

/** The SQL is stored when the dump has been found right. */
async function storeSchema(
  source: SourceAccess,
  store: Pick<ArtifactStore, "put">,
  { snapshot, inventory }: Pick<SchemaStage, "snapshot" | "inventory">,
  track: Track,
): Promise<Artifact[]> {
  await using made = source.schemaSql();
  const dump = inspectArchive(made.watch(runPgDump(source.dump(snapshot.id), schemaArguments(), "the schema")));
  const stream = heldBack(dump.stream, async () => {
    assertSchemaComplete(inventory, await dump.toc);
    await assertUnmoved(source, inventory);
  });
  const schema = await store.put(schemaArtifact, stream, track);
  const sql = made.parts.map(({ name, sql }) => store.put({ name, kind: "schema-sql" }, sql()));
  return [schema, ...(await Promise.all(sql))];
}

class DefinitionsMoved extends Error {
  readonly objects: readonly InventoryObject[];
  constructor(objects: readonly InventoryObject[]) {
    super("definitions moved");
    this.objects = objects;
  }
}

async function assertUnmoved(source: SourceAccess, before: Inventory): Promise<void> {
  const client = await source.session("inventory");
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const after = await readInventory(client);
    const moved = movedObjects(before.objects, after.objects);
    if (moved.length > 0) throw new DefinitionsMoved(moved);
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

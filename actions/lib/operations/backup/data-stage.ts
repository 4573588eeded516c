import { z } from "zod";
import { inLanes, type Stop, together } from "../../base/flow/bounded.ts";
import { readAhead } from "../../base/flow/chunks.ts";
import { assertContentsComplete, assertGroupComplete } from "../../compare/dump-checks.ts";
import { inspectArchive } from "../../postgres/dump/archive/inspect.ts";
import type { TocEntry } from "../../postgres/dump/archive/toc.ts";
import { type DumpGroup, planDump, tablesOfOthers } from "../../postgres/dump/dump-plan.ts";
import { groupArguments, runPgDump } from "../../postgres/dump/pg-dump.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { attachSnapshot, type LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { type Taken, takeFingerprints } from "./fingerprints.ts";
import { withReason } from "./long-values.ts";
import { RowsOnTheWay } from "./rows-on-the-way.ts";
import { heldBack, type SchemaStage } from "./schema-stage.ts";
import type { SourceAccess } from "./source-access.ts";

export interface DataStage {
  readonly artifacts: readonly Artifact[];
  /** With fingerprints. */
  readonly inventory: Inventory;
}

/**
 * Dumps the rows in groups, several at a time, and fingerprints them on their way; what the server itself says of them is
 * asked beside, all under the one snapshot.
 *
 * @throws OperationError `dump-failed`, `dump-incomplete`, `dump-differs`, `table-unreadable`, and what the vault throws
 */
export async function takeData(
  source: SourceAccess,
  store: ArtifactStore,
  stop: Stop,
  { snapshot, inventory }: Pick<SchemaStage, "snapshot" | "inventory">,
  { withoutFingerprints = false }: { readonly withoutFingerprints?: boolean } = {},
): Promise<DataStage> {
  const { policy, log } = source;
  const tables = inventory.tables.filter(({ carried }) => carried);
  const largeObjects = { count: inventory.largeObjects.length, bytes: await largeObjectBytes(snapshot) };
  const groups = planDump(tables, largeObjects, policy);
  log.info(`${tables.length} tables in ${groups.length} dumps, ${policy.jobs} at a time.`);
  const artifacts = new Map<DumpGroup, Artifact>();
  const toc: TocEntry[] = [];
  const rows = withoutFingerprints || !RowsOnTheWay.isPossible(inventory) ? undefined : new RowsOnTheWay(inventory);

  const dumps = async (): Promise<Taken | undefined> => {
    await inLanes(stop, groups, policy.jobs, async (group) => {
      const done = await dumpGroup(source, store, { snapshot, inventory }, group, groups, rows);
      artifacts.set(group, done.artifact);
      toc.push(...done.toc);
    });
    assertContentsComplete(inventory, toc);
    return undefined;
  };
  const fingerprints = async (): Promise<Taken | undefined> => {
    if (withoutFingerprints) return undefined;
    const beside = await source.session("fingerprints");
    await attachSnapshot(beside, snapshot.id);
    const taken = await takeFingerprints(inventory, [snapshot.client, beside], stop, log, rows?.ask);
    await source.hangUp(beside);
    return taken;
  };
  const [, taken] = await together(stop, [dumps, fingerprints]);
  return {
    artifacts: groups.flatMap((group) => artifacts.get(group) ?? []),
    inventory: taken === undefined ? inventory : (rows?.settle(taken.inventory, taken.rows) ?? taken.inventory),
  };
}

/** Bytes on disk of all large objects together, as planning takes them. */
async function largeObjectBytes({ client }: LockedSnapshot): Promise<number> {
  const { rows } = await client.query("select pg_table_size('pg_largeobject')::float8 as bytes");
  return z.object({ bytes: z.number() }).parse(rows[0]).bytes;
}

async function dumpGroup(
  source: SourceAccess,
  store: ArtifactStore,
  { snapshot, inventory }: Pick<SchemaStage, "snapshot" | "inventory">,
  group: DumpGroup,
  groups: readonly DumpGroup[],
  rows: RowsOnTheWay | undefined,
): Promise<{ artifact: Artifact; toc: readonly TocEntry[] }> {
  const track = source.log.track(group.name, { bytes: group.bytes, items: group.tables.length });
  try {
    const selection = groupArguments(group, tablesOfOthers(groups, group), inventory.tables);
    const input = rows?.dumpInput();
    const dump = inspectArchive(
      runPgDump(source.dump(snapshot.id), selection, group.name, input?.memory),
      input?.readerOf,
    );
    // Rows are hashed while those before them are compressed.
    const stream = heldBack(readAhead(dump.stream), async () => assertGroupComplete(group, await dump.toc));
    const tables = group.tables.map(tableName);
    const name = `data/${group.name}.dump.zst.pgp`;
    const artifact = await store.put(
      { name, kind: group.kind, ...(group.kind === "data" ? { tables } : {}) },
      stream,
      track,
    );
    input?.end();
    track.advance({ items: group.tables.length });
    track.end("done");
    return { artifact, toc: await dump.toc };
  } catch (error) {
    track.end("failed");
    throw await withReason(source, snapshot, group.tables, error);
  }
}

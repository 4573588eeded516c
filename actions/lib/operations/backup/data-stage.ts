import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import { inLanes, type Stop, together } from "../../base/flow/bounded.ts";
import { readAhead } from "../../base/flow/chunks.ts";
import { assertContentsComplete, assertGroupComplete } from "../../compare/dump-checks.ts";
import { inspectArchive } from "../../postgres/dump/archive/inspect.ts";
import type { TocEntry } from "../../postgres/dump/archive/toc.ts";
import { type DumpGroup, planDump, tablesOfOthers } from "../../postgres/dump/dump-plan.ts";
import { groupArguments, runPgDump } from "../../postgres/dump/pg-dump.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { attachSnapshot, type LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { type Taken, takeFingerprints } from "./fingerprints.ts";
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

/** A value of this size can be more than 1 GB as COPY writes it: bytes as two digits each, each backslash and line end doubled. */
const longBytes = 256 * 1024 * 1024;
const shown = 5;

const valueSchema = z.strictObject({ place: z.string(), mebibytes: z.string(), key: z.string().nullable() });

/** Columns whose values' length is told without reading them, and a key that says nothing of a person: a number or UUID. */
const columnsQuery = `
  select a.attname as "column",
         (select k.attname from pg_index x join pg_attribute k on k.attrelid = x.indrelid and k.attnum = x.indkey[0]
           where x.indrelid = a.attrelid and x.indisprimary and x.indnkeyatts = 1
             and k.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)) as key
    from pg_attribute a
   where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
     and a.atttypid in ('bytea'::regtype, 'text'::regtype, 'varchar'::regtype)
   order by a.attnum`;
const columnSchema = z.strictObject({ column: z.string(), key: z.string().nullable() });

/**
 * What keeps a dump from being made, where it is that a value is longer than PostgreSQL can write as text.
 *
 * @param client under the snapshot
 * @returns undefined when no value is that long
 */
async function tooLongToDump(
  client: Client,
  tables: readonly Pick<TableContent, "schema" | "name" | "oid">[],
): Promise<OperationError | undefined> {
  const found: string[] = [];
  for (const { oid, ...table } of tables) {
    for (const { column, key } of z.array(columnSchema).parse((await client.query(columnsQuery, [oid])).rows)) {
      const value = quoteIdentifier(column);
      const { rows } = await client.query(
        `select ctid::text as place, (octet_length(${value}) / 1048576)::text as mebibytes,
                ${key === null ? "null" : `${quoteIdentifier(key)}::text`} as key
           from only ${quoteQualified(table.schema, table.name)} where octet_length(${value}) > ${longBytes}
          order by octet_length(${value}) desc limit ${shown}`,
      );
      for (const { place, mebibytes, key: id } of z.array(valueSchema).parse(rows)) {
        const where = key === null || id === null ? `ctid ${place}` : `${key} ${id}`;
        found.push(`${tableName(table)}, column ${column}, ${where} (${mebibytes} MiB)`);
      }
    }
  }
  if (found.length === 0) return undefined;
  return new OperationError(
    "value-too-long",
    `A value is longer than any dump can hold: PostgreSQL writes a row as 1 GB of text at most. The longest: ${found.slice(0, shown).join("; ")}.`,
    "Keep it as a file in Storage, or in several rows, and run the backup again.",
  );
}

/**
 * The reason of a dump's failure: names the values that no dump can hold, where they are it.
 * @param tables whose rows were being dumped
 */
export async function withReason(
  source: SourceAccess,
  snapshot: LockedSnapshot,
  tables: readonly Pick<TableContent, "schema" | "name" | "oid">[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof OperationError && error.code === "dump-row-too-long")) return error;
  try {
    const client = await source.session("long values");
    try {
      await attachSnapshot(client, snapshot.id);
      return (await tooLongToDump(client, tables)) ?? error;
    } finally {
      await source.hangUp(client);
    }
  } catch {
    return error;
  }
}

import type { Client } from "pg";
import type { Log } from "../../base/log.ts";
import { measureTables } from "../../compare/measure-tables.ts";
import { tableName } from "../../postgres/identifier.ts";
import { type Fingerprint, type Inventory, sumOf, type TableContent } from "../../postgres/inventory/model.ts";
import { readingPaths } from "../../postgres/inventory/name-lookup.ts";
import { createRowHasher } from "../../postgres/row-hash/row-hash.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { blocksIn, holdsRows } from "../../vault/sets/rows.ts";
import { loadItems, projectColumns } from "../restore/load/load-table.ts";
import { type DataPlan, planData, readTargetTables } from "../restore/plan/plan-data.ts";
import { lastingColumns } from "../restore/settle/around-files.ts";
import { Journal } from "../restore/target/journal.ts";
import { type TargetFacts, unavailableExtensions } from "../target/target.ts";

export interface ProveTargetTask {
  readonly open: OpenSet;
  /** A new session at the target that may write nothing. */
  readonly connect: () => Promise<Client>;
  readonly jobs: number;
  /** The target is the project that the set comes from. */
  readonly sameProject: boolean;
  /** Asked before an artifact is opened. @throws ConfigurationError when one lies in Glacier */
  readonly readable: (artifacts: readonly Artifact[]) => Promise<void>;
  readonly log: Log;
}

/** What is to be compared, and what is known of it without a restore. */
interface PlannedRows {
  readonly plan: DataPlan;
  readonly journal: Journal;
}

export async function planRows(
  task: ProveTargetTask,
  client: Client,
  source: Inventory,
  facts: TargetFacts,
): Promise<PlannedRows> {
  // What postgres may write decides what a restore brings, whoever compares.
  const targets = await readTargetTables(client, facts.supabase ? "postgres" : undefined);
  const all = facts.supabase
    ? targets
    : new Map([...targets].map(([name, one]) => [name, { ...one, mayInsert: true }]));
  const planned = planData(source, all, facts.platform, unavailableExtensions(source, facts));
  const carried = (table: TableContent) => targets.has(tableName(table)) && table.fingerprint !== null;
  const doubtful = [
    ...planned.left.map(({ table }) => table).filter(carried),
    ...[...planned.loads.values()].map(({ table }) => table).filter((table) => lastingColumns(table) !== undefined),
  ];
  const measured = await measureTables(task.connect, doubtful, task.jobs, task.log, readingPaths(source));
  const equal = new Set<string>();
  for (const table of doubtful) {
    const found = measured.get(tableName(table));
    if (found === undefined || "unreadable" in found) continue;
    if (found.rows === table.fingerprint?.rows && found.hash === table.fingerprint.hash) equal.add(tableName(table));
  }
  const reduced = new Map<string, readonly number[]>();
  for (const table of doubtful) {
    const lasting = lastingColumns(table);
    if (lasting !== undefined && !equal.has(tableName(table))) reduced.set(tableName(table), lasting);
  }
  for (const [name, { keep }] of planned.loads) if (keep !== undefined && !reduced.has(name)) reduced.set(name, keep);
  const fingerprints = await fingerprintSetRows(task.open, source, reduced, task.readable);
  const notes = new Map<string, unknown>();
  const plan = comparisonPlan(planned, equal, reduced, task.sameProject);
  for (const [name, { table }] of plan.loads) {
    const fingerprint = fingerprints.get(name);
    if (fingerprint !== undefined) notes.set(loadItems(table)[0] ?? "", { reduced: fingerprint });
  }
  return { plan, journal: Journal.unwritten(task.open.set, notes) };
}

/**
 * A restore's plan as a comparison needs it: nothing is left out because it could not be written, when it can be read and is
 * equal. Pure.
 *
 * @param equal tables that a restore would leave, and whose rows are the set's
 * @param reduced tables of which only the lasting columns are compared, with these
 * @param sameProject no number of its own may come again there, whoever keeps it
 */
export function comparisonPlan(
  plan: DataPlan,
  equal: ReadonlySet<string>,
  reduced: ReadonlyMap<string, readonly number[]>,
  sameProject: boolean,
): DataPlan {
  const loads = new Map(plan.loads);
  const readable = plan.left.filter(({ table }) => equal.has(tableName(table)) || reduced.has(tableName(table)));
  for (const { table } of readable) loads.set(tableName(table), { table, keep: undefined, quiet: undefined });
  for (const [name, load] of loads)
    loads.set(name, { ...load, keep: reduced.get(name) ?? load.keep, quiet: undefined, blank: undefined });
  return {
    loads,
    left: plan.left.filter((one) => !readable.includes(one)),
    missingColumns: plan.missingColumns,
    cronJobs: undefined,
    ...(!sameProject && {
      neverBrought: new Set(readable.filter(({ expected }) => expected).map(({ table }) => tableName(table))),
    }),
  };
}

/**
 * Fingerprints of some columns of the set's own rows: for tables that a restore brings back with fewer or other values in
 * some of them. Only the artifacts that may hold these tables are opened.
 *
 * @param wanted places of the columns, ascending from 0, by `tableName`
 * @param readable asked before any is opened
 */
async function fingerprintSetRows(
  open: OpenSet,
  inventory: Inventory,
  wanted: ReadonlyMap<string, readonly number[]>,
  readable: (artifacts: readonly Artifact[]) => Promise<void>,
): Promise<Map<string, Fingerprint>> {
  const found = new Map([...wanted.keys()].map((name) => [name, [] as Fingerprint[]]));
  const artifacts = open.manifest.artifacts.filter((one) => mayHold(one, wanted));
  if (artifacts.length > 0) await readable(artifacts);
  for (const artifact of artifacts) {
    for await (const { table, chunks } of blocksIn(artifact, open.artifact(artifact.name), inventory)) {
      const name = tableName(table);
      const keep = wanted.get(name);
      if (keep !== undefined) found.get(name)?.push(await hash(chunks(), keep));
    }
  }
  return new Map([...found].map(([name, parts]) => [name, sumOf(parts)]));
}

function mayHold(artifact: Artifact, wanted: ReadonlyMap<string, unknown>): boolean {
  const { tables } = artifact;
  return wanted.size > 0 && holdsRows(artifact) && (tables === undefined || tables.some((name) => wanted.has(name)));
}

async function hash(rows: AsyncIterable<Uint8Array>, keep: readonly number[]): Promise<Fingerprint> {
  const hasher = createRowHasher(keep.length);
  for await (const chunk of projectColumns(rows, keep)) hasher.push(chunk);
  return hasher.finish();
}

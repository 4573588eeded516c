import type { Client } from "pg";
import type { Log } from "../../../base/log.ts";
import { compareContents } from "../../../compare/contents.ts";
import type { Difference } from "../../../compare/difference.ts";
import { type Measured, measureTables } from "../../../compare/measure-tables.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { readingPaths } from "../../../postgres/inventory/name-lookup.ts";
import { viewsReadBy } from "../../../postgres/inventory/references.ts";
import { type Platform, relationIdentity } from "../../../supabase/platform/platform.ts";
import type { TargetFacts } from "../../target/target.ts";
import { loadItems } from "../load/load-table.ts";
import type { DataPlan } from "../plan/plan-data.ts";
import { withoutEmpty } from "../quiet/outbound.ts";
import { rowsBeforeFiles } from "../settle/around-files.ts";
import { measureLargeObjects, measureViews } from "../settle/contents.ts";
import type { RestoreFindings } from "../settle/settle.ts";
import type { Journal } from "../target/journal.ts";
import { erasedNames, expectedInstead, rootsOf, rowsLeft } from "./expected-rows.ts";

export interface ProveTask {
  readonly source: Inventory;
  readonly facts: TargetFacts;
  readonly plan: DataPlan;
  readonly journal: Journal;
  readonly findings: RestoreFindings;
  readonly connect: () => Promise<Client>;
  readonly jobs: number;
  readonly log: Log;
}

export interface Proven {
  readonly differences: readonly Difference[];
  readonly foreignKeysChecked: number;
  /** What was found off. */
  readonly off: RestoreFindings["outbound"];
}

/** What the catalogue says of the target, for the comparison of what lies in it. */
interface Catalogue {
  readonly target: Inventory;
  /** What was found off. */
  readonly off: RestoreFindings["outbound"];
  readonly platform: Platform | undefined;
  /** Extensions that the target's server does not have. */
  readonly unavailable: ReadonlySet<string>;
  /** Extensions by the schema that came with them. */
  readonly schemas: ReadonlyMap<string, string>;
  /** What `measureRows` measures meanwhile. */
  readonly measuring: Promise<ReadonlyMap<string, Measured>>;
}

/** Compares everything that the target holds: rows, views, sequences and large objects. */
export async function proveContents(task: ProveTask, client: Client, catalogue: Catalogue): Promise<Difference[]> {
  const { source, findings, plan } = task;
  const { target, off, platform, unavailable, schemas, measuring } = catalogue;
  const views = await measureViews(client, source);
  const largeObjects = await measureLargeObjects(client, source, target);
  return compareContents(withoutEmpty(source, off), {
    measured: await measuring,
    left: rowsLeft(task),
    instead: expectedInstead(task),
    erased: erasedNames(task),
    roots: rootsOf(plan),
    views,
    viewsRead: await viewsReadBy(client),
    viewFailures: findings.viewFailures,
    sequences: target.sequences,
    sequenceFailures: findings.sequenceFailures,
    neverBrought: plan.neverBrought ?? new Set(),
    largeObjects,
    isPlatforms: platformSequences(source, platform),
    isUnavailable: (schema) => unavailable.has(schemas.get(schema) ?? ""),
  });
}

/** Rows that were changed in the transaction that loaded them are proven by what was measured before the change. */
export async function measureRows({
  source,
  plan,
  journal,
  connect,
  jobs,
  log,
}: ProveTask): Promise<Map<string, Measured>> {
  const known = rowsBeforeFiles(journal);
  for (const [name, load] of plan.loads) {
    const noted = journal.fingerprint(loadItems(load.table), "fingerprint");
    if (noted !== undefined) known.set(name, noted);
  }
  const tables = source.tables
    .filter((table) => table.fingerprint !== null && !known.has(tableName(table)))
    .filter((table) => plan.loads.has(tableName(table)))
    .map((table) => {
      const keep = plan.loads.get(tableName(table))?.keep;
      return keep === undefined ? table : { ...table, columns: keep.map((place) => table.columns[place] ?? "") };
    });
  const measured = await measureTables(connect, tables, jobs, log, readingPaths(source));
  return new Map<string, Measured>([...measured, ...known]);
}

function platformSequences(
  source: Inventory,
  platform: Platform | undefined,
): (sequence: { readonly schema: string; readonly name: string }) => boolean {
  const members = new Set(
    source.objects.filter((one) => one.kind === "sequence" && one.extension !== null).map((one) => one.identity),
  );
  return (one) =>
    platform !== undefined && (platform.ownsRelation("sequence", one) || members.has(relationIdentity(one)));
}

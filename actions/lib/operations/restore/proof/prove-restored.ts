import type { Client } from "pg";
import type { Log } from "../../../base/log.ts";
import { compareContents } from "../../../compare/contents.ts";
import type { CompareContext, Difference } from "../../../compare/difference.ts";
import { type Measured, measureTables } from "../../../compare/measure-tables.ts";
import { compareObjects } from "../../../compare/objects.ts";
import { inOtherWords } from "../../../compare/other-words/other-words.ts";
import { checkReferences } from "../../../compare/references.ts";
import { compareRoles } from "../../../compare/roles.ts";
import { bare, tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint, Inventory } from "../../../postgres/inventory/model.ts";
import { objectKey } from "../../../postgres/inventory/object-key.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { readingPaths, widerPaths } from "../../../postgres/inventory/search-paths.ts";
import { isVaultSecrets } from "../../../postgres/inventory/vault-secrets.ts";
import { viewsReadBy } from "../../../postgres/inventory/views-read.ts";
import { fingerprintLargeObject } from "../../../postgres/rows/fingerprint.ts";
import { hashOf, platformKey } from "../../../supabase/platform/fact.ts";
import { Platform, relationIdentity } from "../../../supabase/platform/platform.ts";
import { type TargetFacts, unavailableExtensions } from "../../target/target.ts";
import { compareJobs } from "../load/cron-jobs.ts";
import { keysOverOrphans } from "../load/keys-over-orphans.ts";
import { loadItem } from "../load/load-table.ts";
import { oneTimeReason } from "../plan/one-time.ts";
import type { DataPlan, Family } from "../plan/plan-data.ts";
import type { Outbound } from "../quiet/firing.ts";
import { asIfOn, asLater, withoutEmpty } from "../quiet/outbound.ts";
import { asIfAwake } from "../settle/event-triggers.ts";
import { measureViews } from "../settle/settle-contents.ts";
import type { SecretsOutcome } from "../settle/vault-secrets.ts";
import type { Journal } from "../target/journal.ts";
import { changedByFiles, rowsBeforeFiles } from "./around-files.ts";
import { type BrokenConstraint, brokenConstraints } from "./broken-constraints.ts";

/** Everything that the steps of a restore found out and the proof needs. */
export interface RestoreFindings {
  readonly failures: ReadonlyMap<string, string>;
  readonly rowFailures: ReadonlyMap<string, string>;
  readonly viewFailures: ReadonlyMap<string, string>;
  readonly sequenceFailures: ReadonlyMap<string, string>;
  readonly secrets?: SecretsOutcome | undefined;
  /** What stays off in the copy. */
  readonly outbound: readonly Outbound[];
  /** Why rows of files may be others than before the files came in. */
  readonly otherMoment?: string | undefined;
}

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

/**
 * Compares the target with the set's inventory: every object by identity and definition, every row by fingerprint, every
 * sequence, and each foreign key that no statement of the restore has checked.
 */
export async function proveRestored(
  task: ProveTask,
): Promise<{ differences: Difference[]; foreignKeysChecked: number; off: readonly Outbound[] }> {
  const { source, facts, findings } = task;
  const client = await task.connect();
  // The server has most to do with the rows; the catalogue is read and compared meanwhile.
  const measuring = measure(task);
  measuring.catch(() => {}); // heard below
  try {
    const found = asIfAwake(await readInventory(client), source, task.journal.asleep);
    const { target, off, differences: quiet } = asIfOn(found, findings.outbound);
    const words = await inOtherWords(client, source, target);
    const platform = facts.supabase ? await Platform.read(client, target) : undefined;
    const unavailable = unavailableExtensions(source, facts);
    const schemas = extensionSchemas(source);
    const broken = await brokenConstraints(client, source, target, widerPaths(source));
    const references = await checkReferences(
      client,
      new Set([...existedBefore(facts), ...keysOverOrphans(task.journal)]),
    );
    const views = await measureViews(client, source);
    const largeObjects = await measureLargeObjects(client, source, target);
    const compared = compareContents(withoutEmpty(source, off), {
      measured: await measuring,
      left: rowsLeft(task),
      instead: reducedFingerprints(task),
      roots: rootsOf(task.plan),
      views,
      viewsRead: await viewsReadBy(client),
      viewFailures: findings.viewFailures,
      sequences: target.sequences,
      sequenceFailures: findings.sequenceFailures,
      largeObjects,
      isPlatforms: platformSequences(source, platform),
      isUnavailable: (schema) => unavailable.has(schemas.get(schema) ?? ""),
    });
    const { differences: contents, off: later } = asLater(compared, findings.outbound);
    const isEqual = equalTables(source, contents);
    const context: CompareContext = {
      platform: platform?.against(source),
      makers: new Set([facts.firstRole, facts.role]),
      failures: findings.failures,
      words,
      deliberate: new Map([...brokenAtTheSource(broken, isEqual), ...subscriptionsLeft(source)]),
      unavailableExtensions: unavailable,
      extensionSchemas: schemas,
    };
    return {
      differences: [
        ...compareRoles(source, target, context),
        ...compareObjects(source, target, context),
        ...quiet,
        ...contents,
        ...(task.plan.cronJobs === undefined ? [] : await compareJobs(client, task.journal)),
        ...(await changedByFiles(client, source, task, findings.otherMoment)),
        ...droppedColumns(task.plan, source, platform),
        ...quietedRows(task.plan),
        ...blankedColumns(task),
        ...references.differences(isEqual),
      ],
      foreignKeysChecked: references.total,
      off: [...later, ...off],
    };
  } finally {
    await measuring.catch(() => undefined); // nothing goes on after a failure
    await client.end().catch(() => undefined);
  }
}

/** Whether a table's rows are the source's, by `tableName`. While any rows are lacking, nothing can be said of none. */
function equalTables(source: Inventory, contents: readonly Difference[]): (table: string) => boolean {
  const rows = contents.filter(({ kind, aspect }) => kind === "table" && aspect === "rows");
  if (rows.some(({ verdict }) => verdict !== "expected")) return () => false;
  const unmeasured = source.tables.filter(({ fingerprint }) => fingerprint === null);
  const other = new Set([...rows.map(({ identity }) => identity), ...unmeasured.map(tableName)]);
  return (table) => !other.has(table);
}

/** A constraint that equal rows break is broken at the source too. */
function brokenAtTheSource(
  broken: ReadonlyMap<string, BrokenConstraint>,
  isEqual: (table: string) => boolean,
): [string, string][] {
  return [...broken].filter(([, { tables }]) => ["", ...tables].every(isEqual)).map(([key, { why }]) => [key, why]);
}

/** A copy that received what its source receives would be no copy for long. */
function subscriptionsLeft(source: Inventory): [string, string][] {
  const why =
    "no set tells where it connects to, and a copy receives nothing by itself: see what is left to do by hand";
  return source.objects.filter(({ kind }) => kind === "subscription").map((object) => [objectKey(object), why]);
}

function extensionSchemas(source: Inventory): Map<string, string> {
  const schemas = source.objects.filter((object) => object.kind === "schema" && object.extension !== null);
  return new Map(schemas.map((object) => [bare(object.identity), object.extension ?? ""]));
}

function existedBefore(facts: TargetFacts): Set<string> {
  return new Set(facts.inventory.objects.filter((one) => one.kind === "table constraint").map((one) => one.identity));
}

/** Rows that were changed in the transaction that loaded them are proven by what was measured before the change. */
async function measure({ source, plan, journal, connect, jobs, log }: ProveTask): Promise<Map<string, Measured>> {
  const known = rowsBeforeFiles(journal);
  for (const [name, load] of plan.loads) {
    const noted = journal.fingerprint(loadItem(load.table), "fingerprint");
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

function rowsLeft({ plan, findings }: ProveTask): Map<string, { why: string; expected: boolean }> {
  const left = new Map(plan.left.map(({ table, why, expected }) => [tableName(table), { why, expected }]));
  const secrets = plan.left.find(({ table }) => isVaultSecrets(table));
  if (secrets !== undefined && findings.secrets !== undefined) left.set(tableName(secrets.table), findings.secrets);
  for (const [name, why] of findings.rowFailures) {
    if (name === "cron.job" && plan.cronJobs !== undefined) continue; // told job by job
    const before = left.get(name);
    left.set(name, { why: before === undefined ? why : `${before.why}; ${why}`, expected: false });
  }
  return left;
}

function rootsOf({ loads }: DataPlan): Map<string, Family["root"]> {
  return new Map([...loads].flatMap(([name, { through }]) => (through === undefined ? [] : [[name, through.root]])));
}

function reducedFingerprints({ plan, journal }: ProveTask): Map<string, Fingerprint> {
  const instead = new Map<string, Fingerprint>();
  for (const [name, load] of plan.loads) {
    const whole = load.keep === undefined && load.blank === undefined;
    const reduced = whole ? undefined : journal.fingerprint(loadItem(load.table), "reduced");
    if (reduced !== undefined) instead.set(name, reduced);
  }
  return instead;
}

/** Columns that an older platform does not have are the platform's; those that no new project has had are the user's. */
function droppedColumns(plan: DataPlan, source: Inventory, platform: Platform | undefined): Difference[] {
  const definitions = new Map(source.objects.filter(({ kind }) => kind === "table").map((one) => [one.oid, one]));
  return plan.missingColumns.map(({ table, columns }) => {
    const object = definitions.get(table.oid);
    const known =
      table.carried &&
      object !== undefined &&
      platform?.baseline.states(platformKey(object)).some((one) => one.definition === hashOf(object.definition));
    return {
      kind: "table",
      identity: tableName(table),
      aspect: "rows" as const,
      detail: `values of ${columns.join(", ")} stay in the set`,
      verdict: known ? ("expected" as const) : ("failed" as const),
      why: known
        ? "the target project's platform has an older version of the table, without these columns"
        : table.carried
          ? "the target's table does not have these columns, nor does a new project's"
          : `extension ${table.extension} makes the table without them: add them, empty the table, and restore into a new target`,
    };
  });
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

/** Named only where there was something to leave out. */
function blankedColumns({ plan, journal }: ProveTask): Difference[] {
  return [...plan.loads.values()]
    .filter(({ table, blank, keep }) => {
      const reduced = journal.fingerprint(loadItem(table), "reduced");
      return (
        blank !== undefined &&
        (keep !== undefined || reduced?.hash !== table.fingerprint?.hash) &&
        reduced?.rows !== "0"
      );
    })
    .map(({ table, blank = [] }) => ({
      kind: "table",
      identity: tableName(table),
      aspect: "rows" as const,
      detail: `${blank.map((place) => table.columns[place]).join(", ")} are empty here`,
      verdict: "expected" as const,
      why: oneTimeReason,
    }));
}

/** Rows that were proven as they came and then changed so that they stay quiet. */
function quietedRows(plan: DataPlan): Difference[] {
  return [...plan.loads.values()]
    .filter((load) => load.quiet !== undefined && load.table.fingerprint?.rows !== "0")
    .map(({ table }) => ({
      kind: "table",
      identity: tableName(table),
      aspect: "rows" as const,
      detail: "came as they were and were then switched off",
      verdict: "expected" as const,
      why: "a restored copy must not act by itself",
    }));
}

async function measureLargeObjects(
  client: Client,
  source: Inventory,
  target: Inventory,
): Promise<Map<string, { bytes: string; hash: string }>> {
  const present = new Set(target.largeObjects.map((one) => one.oid));
  const measured = new Map<string, { bytes: string; hash: string }>();
  await client.query("begin");
  for (const { oid } of source.largeObjects) {
    if (present.has(oid)) measured.set(oid, await fingerprintLargeObject(client, oid));
  }
  await client.query("rollback");
  return measured;
}

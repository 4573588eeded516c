import type { Client } from "pg";
import type { Difference } from "../../../compare/difference.ts";
import { nameOnTable, tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint, Inventory, TableContent } from "../../../postgres/inventory/model.ts";
import { fingerprintTable } from "../../../postgres/rows/fingerprint.ts";
import { attempt } from "../../target/sessions.ts";
import { type DataPlan, oneTimeColumns, oneTimeReason } from "../plan/plan-data.ts";
import type { Step } from "../plan/steps.ts";
import type { Journal } from "../target/journal.ts";

/** Columns that a restore does not bring back as they were, and why they are not compared. */
const volatile = new Map<string, { readonly columns: readonly string[]; readonly why: string }>([
  [
    "cron.job",
    {
      columns: ["jobid", "nodename", "nodeport", "database", "active"],
      why: "numbers of jobs and which of them are active are not compared: a restore switches them off",
    },
  ],
  [
    "storage.objects",
    {
      columns: ["version", "metadata", "updated_at", "last_accessed_at"],
      why: "versions, ETags and times are the endpoint's own since files were sent: --with-files compares the files",
    },
  ],
]);

/** Why only a part of a table's columns is compared; undefined where all are. */
export function volatileReason(name: string): string | undefined {
  return name === "auth.users" ? oneTimeReason : volatile.get(name)?.why;
}

/** Places of the columns that are compared all the same, ascending from 0; undefined where a table has no others. */
export function lastingColumns(table: TableContent): number[] | undefined {
  const once = oneTimeColumns(table);
  if (once.length > 0) return table.columns.flatMap((_, place) => (once.includes(place) ? [] : [place]));
  const columns = volatile.get(tableName(table))?.columns;
  if (columns === undefined) return undefined;
  return table.columns.flatMap((column, place) => (columns.includes(column) ? [] : [place]));
}

/** What bringing files needs to know of the restore that it is a part of. */
export interface AroundFiles {
  readonly client: Client;
  readonly plan: DataPlan;
  readonly journal: Journal;
  /** The triggers that are made when the files are there. */
  readonly triggers: readonly Step[];
}

/** Table whose rows the endpoint changes as files come in. */
const filesTable = "storage.objects";
/** The journal's name for what was measured before. */
export const filesItem = "files";

const pingMilliseconds = 30_000;

/**
 * Brings the files in while no trigger of the user's is on Storage's tables: the endpoint writes them in sessions of its
 * own, so that nothing else would keep a trigger from firing. The rows are measured before, as they came out of the set.
 */
export async function aroundFiles(around: AroundFiles, bring: () => Promise<void>): Promise<void> {
  const { client, triggers, journal } = around;
  await noteRows(around);
  // An earlier run may have made them.
  const made = triggers.flatMap(({ object }) =>
    object?.kind === "trigger" ? (nameOnTable(object.identity) ?? []) : [],
  );
  if (made.length > 0 && journal.resumed) await journal.forgetEnd(client);
  for (const { name, table } of made) await attempt(client, `drop trigger if exists ${name} on ${table}`);
  // A pooler ends a session that has nothing to do, and this may take hours.
  const ping = setInterval(() => client.query("select 1").catch(() => undefined), pingMilliseconds);
  try {
    await bring();
  } finally {
    clearInterval(ping);
  }
}

async function noteRows({ client, plan, journal }: AroundFiles): Promise<void> {
  const rows = columnsOf(plan);
  if (rows === undefined || journal.isDone(filesItem)) return;
  const fingerprint = await fingerprintTable(client, { ...rows.table, columns: rows.all });
  const reduced = await fingerprintTable(client, { ...rows.table, columns: rows.lasting });
  await journal.note(client, filesItem, { fingerprint, reduced });
}

function columnsOf({ loads }: DataPlan) {
  const load = loads.get(filesTable);
  if (load === undefined) return undefined;
  const { table, keep } = load;
  const all = keep === undefined ? table.columns : keep.map((place) => table.columns[place] ?? "");
  const lasting = new Set((lastingColumns(table) ?? []).map((place) => table.columns[place]));
  return { table, all, lasting: all.filter((column) => lasting.has(column)) };
}

/** What the rows of files were before any file came in, in the place of what they are now. */
export function rowsBeforeFiles(journal: Journal): Map<string, Fingerprint> {
  const before = journal.fingerprint([filesItem], "fingerprint");
  return new Map(before === undefined ? [] : [[filesTable, before]]);
}

/**
 * Whether the endpoint has changed of the rows what is its own, and nothing else.
 * @param otherMoment why rows may differ all the same: the files are of another moment than the set
 */
export async function changedByFiles(
  client: Client,
  source: Inventory,
  { plan, journal }: Pick<AroundFiles, "plan" | "journal">,
  otherMoment: string | undefined,
): Promise<Difference[]> {
  const before = journal.fingerprint([filesItem], "reduced");
  const rows = columnsOf(plan);
  const there = source.tables.some((table) => tableName(table) === filesTable && table.fingerprint?.rows !== "0");
  if (before === undefined || rows === undefined) return [];
  const now = await fingerprintTable(client, { ...rows.table, columns: rows.lasting });
  const base = { kind: "table", identity: filesTable, aspect: "rows" as const };
  if (now.rows === before.rows && now.hash === before.hash) {
    const detail = "equal before the files came in; compared without some of its columns since";
    return there ? [{ ...base, detail, verdict: "expected", why: volatileReason(filesTable) ?? "" }] : [];
  }
  const detail = `${before.rows} rows before the files came in, ${now.rows} since, or others`;
  return otherMoment === undefined
    ? [{ ...base, detail, verdict: "failed", why: "more was changed than sending files changes" }]
    : [{ ...base, detail, verdict: "expected", why: otherMoment }];
}

import type { Client } from "pg";
import type { Difference } from "../../../compare/difference.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { hashOf, platformKey } from "../../../supabase/platform/fact.ts";
import type { Platform } from "../../../supabase/platform/platform.ts";
import { compareJobs } from "../load/cron-jobs.ts";
import { loadItems } from "../load/load-table.ts";
import { type DataPlan, oneTimeReason } from "../plan/plan-data.ts";
import { changedByFiles } from "../settle/around-files.ts";
import type { ProveTask } from "./prove-contents.ts";

/** What a restore itself does to rows, and has to say so: jobs, files, columns that are left, rows that were put to sleep. */
export async function ofRowsOnPurpose(
  task: ProveTask,
  client: Client,
  platform: Platform | undefined,
): Promise<Difference[]> {
  const { source, plan, journal, findings } = task;
  return [
    ...(plan.cronJobs === undefined ? [] : await compareJobs(client, journal)),
    ...(await changedByFiles(client, source, task, findings.otherMoment)),
    ...droppedColumns(plan, source, platform),
    ...quietedRows(plan),
    ...blankedColumns(task),
  ];
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

/** Named only where there was something to leave out. */
function blankedColumns({ plan, journal }: ProveTask): Difference[] {
  return [...plan.loads.values()]
    .filter(({ table, blank, keep }) => {
      const reduced = journal.fingerprint(loadItems(table), "reduced");
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

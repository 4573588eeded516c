import { tableName } from "../../../postgres/identifier.ts";
import type { TableContent } from "../../../postgres/inventory/model.ts";
import { oneTimeColumns, oneTimeReason } from "../plan/one-time.ts";
import type { DataPlan } from "../plan/plan-data.ts";

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

/**
 * A restore's plan as a comparison needs it: nothing is left out because it could not be written, when it can be read and is
 * equal. Pure.
 *
 * @param equal tables that a restore would leave, and whose rows are the set's
 * @param reduced tables of which only the lasting columns are compared, with these
 */
export function comparisonPlan(
  plan: DataPlan,
  equal: ReadonlySet<string>,
  reduced: ReadonlyMap<string, readonly number[]>,
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
  };
}

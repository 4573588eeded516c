import { tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint } from "../../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../../postgres/inventory/vault-secrets.ts";
import { withoutErased } from "../../erasures/replay.ts";
import { loadItems } from "../load/load-table.ts";
import type { DataPlan, Family } from "../plan/plan-data.ts";
import { erasedTables } from "../settle/erasures.ts";
import type { RestoreFindings } from "../settle/settle.ts";
import type { Journal } from "../target/journal.ts";

interface Restored {
  readonly plan: DataPlan;
  readonly journal: Journal;
}

/** Rows that stayed in the set, and why. */
export function rowsLeft({
  plan,
  findings,
}: {
  readonly plan: DataPlan;
  readonly findings: Pick<RestoreFindings, "secrets" | "rowFailures">;
}): Map<string, { why: string; expected: boolean }> {
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

/** The partitioned tables over which rows are compared, by partition. */
export function rootsOf({ loads }: Pick<DataPlan, "loads">): Map<string, Family["root"]> {
  return new Map([...loads].flatMap(([name, { through }]) => (through === undefined ? [] : [[name, through.root]])));
}

/** What is expected where it is not what the set has: of fewer columns, and without the rows that were erased. */
export function expectedInstead({ plan, journal }: Restored): Map<string, Fingerprint> {
  const instead = new Map<string, Fingerprint>();
  for (const [name, load] of plan.loads) {
    const whole = load.keep === undefined && load.blank === undefined;
    const reduced = whole ? undefined : journal.fingerprint(loadItems(load.table), "reduced");
    if (reduced !== undefined) instead.set(name, reduced);
  }
  for (const erased of erasedTables(journal)) {
    const load = plan.loads.get(erased.table);
    // What was measured as it came, before anything was taken out, is compared with what the set has.
    const whole = load === undefined || journal.fingerprint(loadItems(load.table), "fingerprint") !== undefined;
    const before = whole ? null : (instead.get(erased.table) ?? load.table.fingerprint);
    if (before !== null) instead.set(erased.table, withoutErased(before, erased));
  }
  return instead;
}

/** Tables out of which something was taken, and those that they are partitions of. */
export function erasedNames({ plan, journal }: Restored): Set<string> {
  const roots = rootsOf(plan);
  return new Set(
    erasedTables(journal).flatMap(({ table }) => {
      const root = roots.get(table);
      return root === undefined ? [table] : [table, tableName(root)];
    }),
  );
}

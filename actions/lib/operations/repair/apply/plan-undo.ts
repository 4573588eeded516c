import { OperationError } from "../../../base/errors.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { SessionKey } from "../../../seal/keys/session-key.ts";
import type { PlanRecord, RepairPlace, RepairRecord, RepairStep } from "../../../vault/repairs/records.ts";
import { type RepairVault, repairKey } from "../../../vault/repairs/store.ts";
import { type Change, type Conflict, type ListedTable, type ListHeader, listFormat } from "../change-list.ts";
import { admitUndo, stepsAt } from "../repair-state.ts";
import { keepPlan, openList } from "../stored-list.ts";

/**
 * Makes the plan that takes a repair back: the undo of each of its transactions, the last one first. Applied like any plan, it has an
 * undo of its own, which brings the repair again.
 *
 * @param as id of the new repair
 * @throws ConfigurationError `plan-unknown`, `plan-undone`, `nothing-to-undo`, `repair-unsettled`; OperationError `undo-altered`, and as `openBody`
 */
export async function planUndo(
  store: RepairVault,
  repairs: readonly RepairRecord[],
  here: RepairPlace,
  { id, as }: { readonly id: string; readonly as: string },
): Promise<PlanRecord> {
  const record = admitUndo(repairs, here, id);
  const session = await repairKey(store.vault, record, store.key);
  const steps = stepsAt(record, here)
    .filter(({ end }) => end === "committed")
    .toReversed();
  const tables = await tablesOf(store, steps, session);
  const header: ListHeader = {
    ...{ format: listFormat, id: as, kind: "undo", of: id, project: record.plan.project, sets: [], tables },
    madeAt: new Date().toISOString(),
    selection: `what repair ${id} has written`,
  };
  return keepPlan(store, header, changes(store, steps, session, tables));
}

const open = (store: RepairVault, { begun: { id, undo } }: RepairStep, session: SessionKey) =>
  openList(store.vault, id, undo, session, store.signal);

/** All transactions of a repair have the same tables, unless somebody altered one between them. */
async function tablesOf(store: RepairVault, steps: readonly RepairStep[], session: SessionKey): Promise<ListedTable[]> {
  const tables = new Map<string, ListedTable>();
  for (const step of steps) {
    const reader = await open(store, step, session);
    for (const table of reader.header.tables) {
      const known = tables.get(tableName(table));
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(table))
        throw new OperationError(
          "undo-altered",
          `${tableName(table)} was altered between the batches of repair ${step.begun.id}: one list cannot take all of them back.`,
          "Nothing was changed. Compare the table with a set from before, and repair it.",
        );
      tables.set(tableName(table), table);
    }
    await reader.close();
  }
  return [...tables.values()];
}

async function* changes(
  store: RepairVault,
  steps: readonly RepairStep[],
  session: SessionKey,
  tables: readonly ListedTable[],
): AsyncGenerator<Change | Conflict, void, undefined> {
  const places = new Map(tables.map((table, t) => [tableName(table), t]));
  for (const step of steps) {
    const reader = await open(store, step, session);
    for await (const line of reader.lines()) {
      const table = reader.header.tables[line.t];
      yield { ...line, t: places.get(table === undefined ? "" : tableName(table)) ?? 0 };
    }
  }
}

import type { Client } from "pg";
import { tableName } from "../../../postgres/identifier.ts";
import type { ForeignKey } from "../../../postgres/inventory/references.ts";
import type { Difference } from "../../compare/difference.ts";
import {
  bringBack,
  fillAgain,
  missingParents,
  nameRows,
  type Reference,
  type References,
  refuseOrphans,
  refuseReferred,
  rowsComing,
} from "./references.ts";
import type { Selection } from "./selection.ts";

export type Place = { readonly schema: string; readonly name: string };

/** One table of a plan: its session, in a transaction in which both sides lie beside each other, and what was decided there. */
export interface PlannedTable {
  readonly client: Client;
  readonly difference: Difference;
  readonly selection: Selection;
  readonly references: References;
}

interface Following {
  readonly isThreeWay: boolean;
  /** Opens a table that nothing has been decided of. */
  open(table: Place): Promise<PlannedTable>;
}

/**
 * Follows foreign keys from what was decided: parents that are gone come back first, and children come back that went with a
 * row, or find it again where a key had emptied their columns. Ends when no table gets more rows.
 */
export async function follow(plans: Map<string, PlannedTable>, { open, isThreeWay }: Following): Promise<void> {
  const changed = [...plans.keys()];
  const opened = async (place: Place): Promise<PlannedTable> => {
    const name = tableName(place);
    const plan = plans.get(name) ?? (await open(place));
    plans.set(name, plan);
    return plan;
  };
  const tell = (place: Place, more: number): void => {
    if (more > 0) changed.push(tableName(place));
  };
  for (let name = changed.shift(); name !== undefined; name = changed.shift()) {
    const plan = plans.get(name);
    if (plan === undefined) continue;
    for (const reference of plan.references.parents) {
      await nameRows(plan.client, reference, await comingOf(plans, reference));
      const wanted = await missingParents(plan.client, plan, reference);
      if (wanted.length === 0) continue;
      const parent = await opened(reference.other);
      const named = sameKey(parent.references.children, reference.key);
      await nameRows(parent.client, named, wanted);
      tell(reference.other, await bringBack(parent.client, parent, named, isThreeWay));
    }
    for (const reference of plan.references.children) {
      const { cascades, resets } = reference.key;
      const came = async (which: "inserts" | "all", then: typeof fillAgain): Promise<void> => {
        const rows = await rowsComing(plan.client, plan, reference.columns, which);
        if (rows.length === 0) return;
        const child = await opened(reference.other);
        const named = sameKey(child.references.cascades, reference.key);
        await nameRows(child.client, named, rows);
        tell(reference.other, await then(child.client, child, named));
      };
      if (cascades) await came("inserts", (...child) => bringBack(...child, isThreeWay));
      // Of a child whose columns were reset the row is still there; one that is gone was taken away by somebody.
      if (resets.length > 0) await came(resets.some(({ on }) => on === "update") ? "all" : "inserts", fillAgain);
    }
  }
}

/**
 * Takes back what would break a foreign key: rows whose parent is neither there nor comes back, and the removal of rows that
 * others point at. Again and again, since what is taken back may have been another one's parent.
 */
export async function refuseBroken(plans: ReadonlyMap<string, PlannedTable>): Promise<void> {
  for (let refused = 1; refused > 0; ) {
    refused = 0;
    for (const plan of plans.values()) {
      for (const reference of plan.references.parents) {
        await nameRows(plan.client, reference, await comingOf(plans, reference));
        refused += await refuseOrphans(plan.client, plan, reference);
      }
      for (const reference of plan.references.children) refused += await refuseReferred(plan.client, plan, reference);
    }
  }
}

/** The keys of the parent's rows that come back. */
async function comingOf(plans: ReadonlyMap<string, PlannedTable>, { key, other }: Reference) {
  const parent = plans.get(tableName(other));
  return parent === undefined ? [] : await rowsComing(parent.client, parent, key.foreignColumns, "all");
}

function sameKey(references: readonly Reference[], { identity }: ForeignKey): Reference {
  const found = references.find(({ key }) => key.identity === identity);
  if (found === undefined) throw new Error(`The foreign key ${identity} has one side only.`);
  return found;
}

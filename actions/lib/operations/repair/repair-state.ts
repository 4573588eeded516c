import { ConfigurationError } from "../../base/errors.ts";
import type { RepairPlace, RepairRecord, RepairStep } from "../../vault/repairs/records.ts";
import { shortHash } from "./list-text.ts";

/**
 * How a repair stands in one database. `planned`: nothing of it is kept. `partly`: some of its batches are. `undone`: it was taken back,
 * by that repair. `unsettled`: nobody has noted how a transaction of it ended.
 */
export type RepairState =
  | { readonly state: "planned" | "applied" | "partly" | "unsettled" }
  | { readonly state: "undone"; readonly by: string };

/** What was done of a repair in that database. A restore to a moment does not make another one of it. */
export function stepsAt({ steps }: RepairRecord, here: Omit<RepairPlace, "timeline">): RepairStep[] {
  return steps.filter(
    ({ begun: { place } }) =>
      place.ref === here.ref && place.database === here.database && place.system === here.system,
  );
}

/** @param here default: anywhere */
export function stateOf(
  record: RepairRecord,
  repairs: readonly RepairRecord[],
  here?: Omit<RepairPlace, "timeline">,
): RepairState {
  const steps = here === undefined ? record.steps : stepsAt(record, here);
  if (steps.some(({ end }) => end === undefined)) return { state: "unsettled" };
  const kept = steps.filter(({ end }) => end === "committed");
  if (kept.length === 0) return { state: "planned" };
  const undo = repairs.find((one) => one.plan.of === record.id && isKept(one, here));
  if (undo !== undefined) return { state: "undone", by: undo.id };
  const last = Math.max(...kept.map(({ begun }) => begun.to));
  return { state: last >= changesOf(record) ? "applied" : "partly" };
}

/** Whether anything of it is kept, or may be. */
function isKept(record: RepairRecord, here?: Omit<RepairPlace, "timeline">): boolean {
  const steps = here === undefined ? record.steps : stepsAt(record, here);
  return steps.some(({ end }) => end !== "rolled-back");
}

/** Updates, inserts and deletes of its plan. */
export function changesOf({ plan }: Pick<RepairRecord, "plan">): number {
  return plan.body.tables.reduce((sum, { updates, inserts, deletes }) => sum + updates + inserts + deletes, 0);
}

/**
 * The plan that may be applied now.
 * @throws ConfigurationError `plan-unknown`, `plan-other`, `plan-applied`, `plan-undone`, `repair-unsettled`
 */
export function admitPlan(
  repairs: readonly RepairRecord[],
  here: RepairPlace,
  { id, planHash }: { readonly id: string; readonly planHash?: string | undefined },
): RepairRecord {
  const record = findRepair(repairs, id);
  const { hash } = record.plan.body;
  if (planHash !== undefined && !(planHash.length >= shortHash(hash).length && hash.startsWith(planHash)))
    throw refusal(
      "plan-other",
      `Plan ${id} has the hash ${shortHash(hash)}, not ${planHash}.`,
      "Look at what was signed off, and apply that.",
    );
  const now = stateOf(record, repairs, here);
  if (now.state === "unsettled") throw unsettled(record, here);
  if (now.state === "applied")
    throw refusal(
      "plan-applied",
      `Repair ${id} was applied already.`,
      `Take it back with --undo ${id}, or make a new plan.`,
    );
  if (now.state === "undone") throw undone(id, now.by, repairs, here);
  const first = repairs.find((one) => one.id === record.plan.of);
  const rival = first && stateOf(first, repairs, here);
  if (first !== undefined && rival?.state === "undone" && rival.by !== id)
    throw undone(first.id, rival.by, repairs, here);
  return record;
}

/** @throws ConfigurationError `plan-unknown` */
export function findRepair(repairs: readonly RepairRecord[], id: string): RepairRecord {
  const record = repairs.find((one) => one.id === id);
  if (record !== undefined) return record;
  throw refusal(
    "plan-unknown",
    `The vault has no plan ${id} that the operations or the escrow key has signed.`,
    "Look at the id again.",
  );
}

/** @throws ConfigurationError `plan-undone`, `nothing-to-undo`, `repair-unsettled` when there is nothing, or nothing certain, to take back */
export function admitUndo(repairs: readonly RepairRecord[], here: RepairPlace, id: string): RepairRecord {
  const record = findRepair(repairs, id);
  const now = stateOf(record, repairs, here);
  if (now.state === "unsettled") throw unsettled(record, here);
  if (now.state === "undone") throw undone(id, now.by, repairs, here);
  if (now.state === "planned")
    throw refusal(
      "nothing-to-undo",
      `Nothing of repair ${id} was written to this database.`,
      "Look at the id, and at the target.",
    );
  return record;
}

function undone(id: string, by: string, repairs: readonly RepairRecord[], here: RepairPlace): ConfigurationError {
  let [last, times] = [by, 1];
  for (let next = stateOf(findRepair(repairs, last), repairs, here); next.state === "undone"; times++) {
    last = next.by;
    next = stateOf(findRepair(repairs, last), repairs, here);
  }
  return times % 2 === 1
    ? refusal("plan-undone", `Repair ${id} was taken back already, by ${last}.`, `To bring it again: --undo ${last}.`)
    : refusal(
        "plan-undone",
        `Repair ${id} was taken back by ${by}, and brought again by ${last}.`,
        `To take it back again: --undo ${last}.`,
      );
}

function unsettled(record: RepairRecord, here: RepairPlace): ConfigurationError {
  const open = stepsAt(record, here).find(({ end }) => end === undefined);
  return refusal(
    "repair-unsettled",
    `Whether transaction ${open?.begun.transaction} of repair ${record.id} was kept cannot be told: it is still under way, or the database does not know it any more.`,
    "Wait a minute and try again; else compare the tables with the set, and make a new plan.",
  );
}

function refusal(code: string, message: string, next: string): ConfigurationError {
  return new ConfigurationError(code, message, `Nothing was changed. ${next}`);
}

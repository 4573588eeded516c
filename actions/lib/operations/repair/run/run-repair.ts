import { ConfigurationError } from "../../../base/errors.ts";
import type { VerifySignature } from "../../../vault/published/signed-manifest.ts";
import { type RepairRecord, readRepairs } from "../../../vault/repairs/records.ts";
import type { RepairVault } from "../../../vault/repairs/store.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { targetConnector } from "../../target/sessions.ts";
import { type Applied, applyRepair } from "../apply/apply.ts";
import { findRepair } from "../repair-state.ts";
import { openRepairVault } from "../repair-vault.ts";
import { bringFiles } from "./bring-files.ts";
import { admitIncident, admitRepair } from "./gates.ts";
import { type Choice, makeRepair, writePlan } from "./make-repair.ts";
import { makeUndo, refOf } from "./make-undo.ts";
import { reportApplied, reportPlan } from "./page.ts";
import { openSides } from "./sides.ts";

export interface RepairInputs extends Omit<Choice, "table"> {
  readonly table?: string | undefined;
  readonly set?: string | undefined;
  readonly goodTarget?: string | undefined;
  readonly withFiles: boolean;
  readonly batchRows?: number | undefined;
  readonly allOrNone: boolean;
  /** Keys of rows may be shown. */
  readonly values: boolean;
  readonly plan?: string | undefined;
  readonly apply?: string | undefined;
  readonly planHash?: string | undefined;
  readonly undo?: string | undefined;
  readonly incident?: string | undefined;
  readonly production?: string | undefined;
  readonly dryRun: boolean;
}

/** What every way of it needs. */
interface Work {
  readonly context: Context;
  readonly inputs: RepairInputs;
  readonly store: RepairVault;
  readonly verify: VerifySignature;
}

/**
 * Plans a repair, applies a plan, or takes a repair back.
 * @throws ConfigurationError of the gates and the plan: nothing was changed; OperationError of the transaction: nothing is kept
 */
export async function runRepair(context: Context, inputs: RepairInputs): Promise<Told> {
  const { store, verify, release } = await openRepairVault(context);
  await admitIncident(context, inputs.incident, release);
  const work = { context, inputs, store, verify };
  if (inputs.undo !== undefined) return undo(work, inputs.undo);
  if (inputs.apply !== undefined) return applyKept(work, inputs.apply);
  return planAndApply(work);
}

async function planAndApply(work: Work): Promise<Told> {
  const { context, inputs, store } = work;
  await using sides = await openSides(context, {
    ...{ set: inputs.set, damaged: inputs.damaged, goodTarget: inputs.goodTarget },
  });
  await admitRepair(context, sides.projectRef, inputs.production);
  const planned = await makeRepair(context, sides, store, { ...inputs, table: inputs.table ?? "" });
  const { record } = planned;
  if (record !== undefined && inputs.plan !== undefined) await writePlan(store, record, inputs.plan);
  if (record === undefined) return reportPlan(planned, sides, inputs);
  const bring = async () =>
    inputs.withFiles
      ? bringFiles(context, store, { plan: record, keys: undefined }, inputs.production, inputs.dryRun)
      : undefined;
  if (inputs.dryRun) return reportPlan({ ...planned, files: await bring() }, sides, inputs);
  const applied = await apply(work, record.id, record.body.hash);
  const files = await bring();
  return reportApplied({ applied, planned, sides, files, values: inputs.values });
}

async function applyKept(work: Work, id: string): Promise<Told> {
  const { context, inputs, store } = work;
  const record = await find(work, id);
  await admitRepair(context, record.plan.project, inputs.production);
  if (inputs.dryRun)
    throw new ConfigurationError("usage", "dry-run has made this plan.", "Leave --dry-run out to apply it.");
  const applied = await apply(work, id, inputs.planHash);
  const files = inputs.withFiles ? await bringFiles(context, store, record, inputs.production) : undefined;
  return reportApplied({ applied, files, values: inputs.values });
}

async function undo(work: Work, id: string): Promise<Told> {
  const { context, inputs, store, verify } = work;
  const { plan } = await find(work, id);
  await admitRepair(context, plan.project, inputs.production);
  const made = await makeUndo(context, store, verify, id);
  if (inputs.dryRun)
    return reportPlan({ tables: [], conflicts: [], rows: rowsOf(made.body.tables), record: made }, undefined, inputs);
  return reportApplied({ applied: await apply(work, made.id, made.body.hash), undone: id, values: inputs.values });
}

const rowsOf = (tables: readonly { updates: number; inserts: number; deletes: number }[]): number =>
  tables.reduce((sum, { updates, inserts, deletes }) => sum + updates + inserts + deletes, 0);

async function find({ store, verify }: Work, id: string): Promise<RepairRecord> {
  return findRepair((await readRepairs(store.vault, verify, id)).repairs, id);
}

function apply({ context, inputs, store, verify }: Work, id: string, planHash: string | undefined): Promise<Applied> {
  const { log, signal, who } = context;
  const config = context.config("target");
  return applyRepair({
    ...{
      store,
      verify,
      id,
      planHash,
      ref: refOf(context),
      by: who,
      log,
      signal,
      mayFire: config.policy.repair.mayFire,
    },
    connect: targetConnector(config, "repair", { log, signal }),
    rules: { lockSeconds: config.policy.source.lockWaitSeconds, wholeOnly: inputs.allOrNone },
    batchRows: inputs.batchRows,
  });
}

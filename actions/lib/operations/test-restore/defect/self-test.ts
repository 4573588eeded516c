import type { Client } from "pg";
import { describeCode, OperationError, sqlState } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { ProvenTarget } from "../../target/target.ts";
import {
  type Candidate,
  type Defect,
  type DefectKind,
  defectKinds,
  type Judgement,
  judgeDefect,
  SeededChoice,
} from "./defect.ts";
import { droppedPolicies, extraView, loweredSequences, missingIndexes, regrantedFunctions } from "./object-defects.ts";
import { changedValues, lostRows } from "./row-defects.ts";

export interface SelfTestOptions {
  /** 8 hex digits. */
  readonly seed: string;
  /** Of which kind the defect shall be; default: the seed decides. */
  readonly kind?: DefectKind | undefined;
  /** The copy stays: what was planted is taken out again and the copy proven once more. */
  readonly repair: boolean;
  readonly log: Log;
}

export interface SelfTestResult extends Judgement {
  readonly kind: DefectKind;
  readonly seed: string;
  /** Name of the object that was damaged. */
  readonly identity: string;
}

/**
 * The test of the test: plants one defect in the copy that was just proven, and lets the very same comparison look for it.
 * In the copy itself, because a second one (`create database … template`) needs everybody else to be disconnected, which
 * nobody outside of Supabase can bring about there.
 *
 * @throws OperationError `defect-stays` when it was to be taken out again and the copy is not what it was
 */
export async function testTheTest(target: ProvenTarget, options: SelfTestOptions): Promise<SelfTestResult> {
  const { seed, repair, log } = options;
  const client = await target.connect();
  try {
    const defect = await plantOne(client, target, options);
    log.info(`Planted for the proof to find: a ${defect.kind} (seed ${seed}).`);
    const judgement = judgeDefect(defect, target.differences, await target.prove());
    if (repair) await takeOut(client, target, defect);
    return { ...judgement, kind: defect.kind, seed, identity: defect.expected.identity };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Everything of a kind that can be damaged; the seed decides which row and which column. */
export function candidatesOf(
  kind: (typeof defectKinds)[number],
  client: Client,
  target: ProvenTarget,
  choice: SeededChoice,
): Candidate[] {
  switch (kind) {
    case "changed value":
      return changedValues(client, target, choice);
    case "lost row":
      return lostRows(client, target, choice);
    case "dropped policy":
      return droppedPolicies(client, target);
    case "re-granted function":
      return regrantedFunctions(client, target);
    case "lowered sequence":
      return loweredSequences(client, target);
    case "missing index":
      return missingIndexes(client, target);
  }
}

async function plantOne(client: Client, target: ProvenTarget, options: SelfTestOptions): Promise<Defect> {
  const { seed, kind, repair } = options;
  const choice = new SeededChoice(seed);
  const kinds = kind === undefined ? choice.shuffled(defectKinds) : defectKinds.filter((one) => one === kind);
  for (const one of kinds) {
    for (const candidate of choice.shuffled(candidatesOf(one, client, target, choice))) {
      const defect = await prepared(candidate);
      if (defect === undefined || (repair && (await rehearsed(client, defect)) !== undefined)) continue;
      if ((await applied(client, defect.plant, defect.stands)) === undefined) return defect;
    }
  }
  const last = await extraView()();
  const reason = last === undefined ? "there was none" : await applied(client, last.plant, last.stands);
  if (last !== undefined && reason === undefined) return last;
  throw new OperationError(
    "defect-unplantable",
    `No defect could be planted in the copy (${reason}), so nobody knows whether the proof would find one.`,
    "Restore into a project of your own as postgres; see the runbook.",
  );
}

/** A value at the end of its type's range can't be changed, and says so as it is looked at: then it is another's turn. */
export async function prepared(candidate: Candidate): Promise<Defect | undefined> {
  try {
    return await candidate();
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    return undefined;
  }
}

/**
 * Undefined when it worked, else why not; then nothing is changed.
 * @param stands what has to be true afterwards
 */
export async function applied(
  client: Client,
  statements: readonly string[],
  stands = "true",
  end: "commit" | "rollback" = "commit",
): Promise<string | undefined> {
  await client.query("begin");
  try {
    for (const statement of statements) await client.query(statement);
    const answer = await client.query(`select ${stands} as stands`);
    const stood = answer.rows[0]?.stands === true;
    await client.query(stood ? end : "rollback");
    return stood ? undefined : "nothing was changed";
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    await client.query("rollback");
    return describeCode(error);
  }
}

/** Whether it can be taken out again: a row that breaks a constraint NOT VALID can be taken away, and not put back. */
export function rehearsed(client: Client, { plant, undo }: Defect): Promise<string | undefined> {
  return applied(client, [...plant, ...undo], "true", "rollback");
}

async function takeOut(client: Client, target: ProvenTarget, defect: Defect): Promise<void> {
  const reason = await applied(client, defect.undo);
  const still = reason === undefined ? judgeDefect(defect, target.differences, await target.prove()) : undefined;
  if (still !== undefined && still.outcome === "missed" && still.others.length === 0) return;
  throw new OperationError(
    "defect-stays",
    `The ${defect.kind} that was planted in the copy could not be taken out again (${reason ?? "the copy differs"}).`,
    "Do not use the copy: `lifeboat test-restore --wipe` empties staging.",
  );
}

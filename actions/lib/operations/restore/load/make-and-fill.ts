import type { Client } from "pg";
import type { Stages } from "../../../base/flow/stages.ts";
import { withReadableCycles } from "../../../compare/other-words/print-again.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { widerPaths } from "../../../postgres/inventory/name-lookup.ts";
import { objectKey } from "../../../postgres/inventory/object-query.ts";
import { attempt, attemptKeyed, type Keyed, refuseReadOnly } from "../../target/sessions.ts";
import type { SchemaPlan } from "../plan/plan.ts";
import type { DataPlan } from "../plan/plan-data.ts";
import {
  type AfterStep,
  ambiguous,
  definitionsPlanned,
  lendingPath,
  runSteps,
  type Step,
  type StepFailures,
  statementOf,
  withoutNamesakes,
} from "../plan/steps.ts";
import type { StandIn } from "../quiet/while-filling.ts";
import { addOverOrphans, tellDuplicates } from "./broken-keys.ts";
import { putBackChecks, takeOffChecks } from "./check-constraints.ts";
import { loadAndBuild } from "./load-and-build.ts";
import type { DataTask } from "./load-data.ts";
import { isLoaded } from "./load-table.ts";

export interface MakingTask {
  readonly client: Client;
  readonly source: Inventory;
  readonly schema: SchemaPlan;
  /** Functions that do nothing until all rows are in. */
  readonly standIns: readonly StandIn[];
  /** Called when the extensions are there, before anything whose making may run functions of the user's. */
  readonly holdBack: () => Promise<void>;
  /** Which rows go where, by the tables that the target has now. */
  readonly planRows: () => Promise<DataPlan>;
  /** Makes the tables of queues; says why rows of some will not come. */
  readonly makeQueues: () => Promise<ReadonlyMap<string, string>>;
  readonly dataTask: (plan: DataPlan) => DataTask;
  /** A statement to be run with the step that makes a trigger. */
  readonly afterStep: AfterStep;
  readonly jobs: number;
  readonly stages: Stages;
}

/** The result: the last plan, and what did not work. */
export interface Made {
  readonly plan: DataPlan;
  readonly before: StepFailures;
  readonly rows: ReadonlyMap<string, string>;
  readonly built: StepFailures;
  readonly after: StepFailures;
  /** Checks that could not be put back, by object key. */
  readonly checks: ReadonlyMap<string, string>;
}

/**
 * Makes the schema, brings the rows, builds keys and indexes and makes what comes after. What did not work is tried again
 * as long as that gets further: when everything else is there, under the search paths that the source had, rows without
 * the checks that refused them. Last, a foreign key that the source's rows break is added as NOT VALID.
 */
export async function makeAndFill(task: MakingTask): Promise<Made> {
  const { client, schema, stages, source } = task;
  const before = await stages.run("schema", () => makeSchema(task));
  const queues = await task.makeQueues();
  const plan = await task.planRows();
  const working = await stages.run("data", async () => {
    const begun = loadAndBuild(task.dataTask(plan), schema.builds, task.jobs);
    await begun.rows;
    return begun;
  });
  const rows = new Map([...(await working.rows), ...queues]);
  await refuseReadOnly(client, rows.values());
  const made = await stages.run("keys and indexes", async () => {
    const built = await working.builds;
    return { plan, before, rows, built, after: await runSteps(client, schema.after, task.afterStep) };
  });
  const paths = widerPaths(source);
  const repaired = isWhole(made) ? made : await stages.run("second attempts", () => tryAgain(task, made, paths));
  return settled(task, repaired, paths);
}

/**
 * What was denied while owners did not have their rights yet: their functions run as they themselves. Those that do
 * nothing while rows come in are put in their place once more by `planRows`, and taken back.
 */
export async function repairWithRights(task: MakingTask, made: Made): Promise<Made> {
  if (isWhole(made)) return made;
  const paths = widerPaths(task.source);
  return settled(task, await task.stages.run("attempts with rights", () => tryAgain(task, made, paths)), paths);
}

/** What was taken off so that rows come in is put back, and what rows break is told. */
async function settled(task: MakingTask, made: Attempted, paths: readonly string[]): Promise<Made> {
  const checks = await putBackChecks(task.client, task.source, paths);
  const built = await tellDuplicates(task.client, made.built, paths);
  return { ...made, built, checks: new Map([...checks, ...(await takeBack(task))]) };
}

/** What did nothing while rows came in becomes what it was. Returns reasons by object key. */
function takeBack({ client, standIns }: MakingTask): Promise<Map<string, string>> {
  return attemptKeyed(
    client,
    standIns.map(({ object, takeBack: statement }): Keyed => [objectKey(object), statement]),
  );
}

/** A generated column is enough for a function to run as its table is made: constants are folded. */
async function makeSchema({ client, schema, holdBack, afterStep }: MakingTask): Promise<StepFailures> {
  const extensions = schema.before.findLastIndex(({ entry }) => entry.desc === "EXTENSION") + 1;
  const first = await runSteps(client, schema.before.slice(0, extensions), afterStep);
  await holdBack();
  return new Map([...first, ...(await runSteps(client, schema.before.slice(extensions), afterStep))]);
}

type Attempted = Omit<Made, "checks">;

const isWhole = (made: Attempted): boolean => failuresIn(made) === 0;
const failuresIn = ({ before, rows, built, after }: Attempted): number =>
  before.size + rows.size + built.size + after.size;

/** First with what is there now, under one path after the other, as long as that gets further; then without checks. */
async function tryAgain(task: MakingTask, first: Attempted, paths: readonly string[]): Promise<Attempted> {
  let made = first;
  for (const { path, harder } of [
    ...paths.map((path) => ({ path, harder: false })),
    { path: paths.at(-1) ?? "", harder: true },
  ]) {
    for (let before = failuresIn(made) + 1; !isWhole(made) && failuresIn(made) < before; ) {
      before = failuresIn(made);
      made = await again(task, made, path, harder);
    }
  }
  return { ...made, built: await weaken(task, made, paths) };
}

async function again(task: MakingTask, made: Attempted, path: string, harder: boolean): Promise<Attempted> {
  const before = await rerun(task, made.before, path);
  const plan = await task.planRows();
  const refused = [...made.rows.keys()]
    .map((name) => plan.loads.get(name))
    .filter((load) => load !== undefined)
    .flatMap(({ table, through }) => through?.leaves ?? [table]);
  if (harder) await takeOffChecks(task.client, task.source, refused);
  const rows = await loadRest(task, plan, made, path);
  const built = await rerun(task, made.built, path);
  return { plan, before, rows, built, after: await rerun(task, made.after, path) };
}

/** The rows that did not go in, and those of tables that were made since. */
async function loadRest(task: MakingTask, plan: DataPlan, { rows }: Attempted, path: string) {
  const loading = { ...task.dataTask(plan), path };
  if ([...plan.loads.values()].every(({ table }) => isLoaded(loading.journal, table))) return rows;
  const others = [...rows].filter(([name]) => !plan.loads.has(name));
  return new Map([...others, ...(await loadAndBuild(loading, [], task.jobs).rows)]);
}

/** Once more as it stands, since more is there now; then under another search path. */
async function rerun(task: MakingTask, failures: StepFailures, path: string): Promise<StepFailures> {
  const { client, afterStep } = task;
  const left = await runSteps(client, [...failures.keys()], afterStep);
  const denied = [...left].filter(([, reason]) => reason.startsWith("42501"));
  const others = [...left.keys()].filter((step) => !left.get(step)?.startsWith("42501"));
  const still = await runSteps(client, others, afterStep, path);
  for (const [step, reason] of still) {
    const { defn } = step.entry;
    const readable = reason.startsWith("42601") ? withReadableCycles(defn) : defn;
    const again = { ...step, entry: { ...step.entry, defn: readable } };
    if (readable !== defn && (await attempt(client, statementOf(again) + (afterStep(step) ?? ""))) === undefined) {
      still.delete(step);
    }
  }
  for (const [step, reason] of still) {
    const alone = reason.startsWith(ambiguous) ? withoutNamesakes(step, task.source) : undefined;
    if (alone === undefined) continue;
    if ((await attempt(client, alone + (afterStep(step) ?? ""))) === undefined) still.delete(step);
  }
  for (const step of [...still.keys()].filter(({ entry }) => entry.desc === "INDEX" || entry.desc === "CONSTRAINT")) {
    const text = statementOf(step);
    // Planning looks into the functions of the table's other indexes and of its statistics too.
    for (const names of [text, text + definitionsPlanned(task.source)]) {
      const lending = still.has(step) ? lendingPath(text, names, task.source, path) : undefined;
      if (lending !== undefined && (await attempt(client, lending)) === undefined) still.delete(step);
    }
  }
  return new Map([...denied, ...still]);
}

/** A foreign key that says valid at the source, where rows break it: they were loaded with triggers off. */
async function weaken(task: MakingTask, { plan, built }: Attempted, paths: readonly string[]): Promise<StepFailures> {
  const { client } = task;
  const { journal } = task.dataTask(plan);
  const left: StepFailures = new Map();
  for (const [step, reason] of built) {
    const mayDo = step.entry.desc === "FK CONSTRAINT" && reason.startsWith("23503");
    const done =
      mayDo &&
      ((await attempt(client, notValid(step))) === undefined || (await addOverOrphans(client, step, journal, paths)));
    if (!done) left.set(step, reason);
  }
  return left;
}

const notValid = ({ entry }: Step): string => entry.defn.replace(/;\s*$/, " NOT VALID;");

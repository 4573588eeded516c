import { holdsRows } from "../../../vault/sets/rows.ts";
import { attemptEach } from "../../target/sessions.ts";
import { unavailableExtensions } from "../../target/target.ts";
import { planData, readTargetTables } from "../plan/plan-data.ts";
import type { Run } from "../plan/run.ts";
import { withOwners } from "../plan/statements.ts";
import type { AfterStep } from "../plan/steps.ts";
import { clearRequests, holdRequests } from "../quiet/firing.ts";
import { checksOff, type QuietPlan } from "../quiet/outbound.ts";
import type { DataTask } from "./load-data.ts";
import { type Made, type MakingTask, makeAndFill, repairWithRights } from "./make-and-fill.ts";
import { makeQueues } from "./make-room.ts";

/** What a restore has made and loaded before owners have their rights. */
export interface Loaded {
  readonly made: Made;
  /** Whether requests of pg_net are held back. */
  readonly heldBack: boolean;
  /** Attempts once more what was denied, when owners have their rights. */
  readonly repair: () => Promise<Made>;
}

/** Makes the schema, brings the rows and builds keys and indexes, while nothing of the user's may speak to the outside. */
export async function load(run: Run): Promise<Loaded> {
  const { task, source, client, facts, quiet, schema, stages } = run;
  const { outbound, standIns } = quiet;
  const off = checksOff(outbound);
  let heldBack = false;
  const holdBack = async () => {
    heldBack = await holdRequests(client);
  };
  const making: MakingTask = {
    ...{ client, schema, jobs: task.jobs, stages, holdBack, standIns },
    // Without them, so that none is put back.
    source: { ...source, objects: source.objects.filter((object) => !off.some((one) => one.object === object)) },
    planRows: async () => {
      const later = outbound.filter(({ how }) => how === "later");
      const switched = [...off, ...later].map(({ switchOff }) => switchOff ?? "");
      await attemptEach(client, [...switched, ...standIns.map(({ put }) => put)], (statement) => statement);
      await holdBack();
      return planData(source, await readTargetTables(client), facts.platform, unavailableExtensions(source, facts));
    },
    makeQueues: () => makeQueues(run),
    dataTask: (plan) => ({ ...dataSource(run), plan, ...(heldBack ? { afterRows: clearRequests } : {}) }),
    afterStep: withOwners(facts, switchingOff(quiet)),
  };
  const made = await makeAndFill(making);
  return {
    made,
    get heldBack() {
      return heldBack;
    },
    repair: () => repairWithRights(making, made),
  };
}

function dataSource({ task, source, journal, facts }: Run): Omit<DataTask, "plan"> {
  return {
    artifacts: task.open.manifest.artifacts.filter((one) => holdsRows(one) || one.kind === "large-objects"),
    inventory: source,
    open: (artifact) => task.open.artifact(artifact.name),
    ...{ connect: task.connect, journal, mayReplicate: facts.mayReplicate, log: task.log },
  };
}

/** What may call out is switched off, or does nothing, from the transaction on that makes it. */
export function switchingOff({ outbound, standIns }: QuietPlan): AfterStep {
  const switchOff = new Map([
    ...outbound.map(({ object, switchOff }) => [object, switchOff] as const),
    ...standIns.map(({ object, put }) => [object, put] as const),
  ]);
  return ({ entry, object }) => (entry.desc !== "COMMENT" && object !== undefined ? switchOff.get(object) : undefined);
}

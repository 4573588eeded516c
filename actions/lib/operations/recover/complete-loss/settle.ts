import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { realClock } from "../../../base/flow/clock.ts";
import { countOf, few } from "../../../base/measures.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { attempt, targetConnector } from "../../target/sessions.ts";
import { openRecoveries } from "../access.ts";
import { openSources } from "../sources.ts";
import { carry } from "./carry.ts";
import { factsSchema, type LossRequest, sourcesFor } from "./facts.ts";
import { offOf } from "./hand-over.ts";
import { openApi } from "./look.ts";
import { LossWork } from "./work.ts";

interface Settling {
  readonly scenario: LossRequest["scenario"];
  readonly folder: string | undefined;
  /** Number or name of what was switched off, or `all`. */
  readonly which: string;
}

/**
 * Switches on what a restore has left off, because a person says so: one thing, by its number or its name, or all of it. Each is noted when
 * it is on, so that none is switched on twice and what is still off can be told.
 *
 * @throws ConfigurationError `recovery-none`, `switch-unknown`; OperationError `switch-failed`
 */
export async function switchOn(context: Context, { scenario, folder, which }: Settling): Promise<Told> {
  using recoveries = await openRecoveries(context, folder, realClock);
  using closing = new DisposableStack();
  const state = recoveries.known.find((one) => one.scenario === scenario && one.ended?.how !== "given up");
  const restored = state?.facts(factsSchema).restored ?? null;
  if (state === undefined || restored === null) throw noRecovery(scenario);
  const off = offOf(restored, state.facts(factsSchema).configuration);
  const chosen = choose(off, state.facts(factsSchema).switchedOn, which);
  await using lease = await recoveries.lease(state);
  await state.noteHuman({ by: context.who, what: `said: switch on ${which}` });
  const sources = await openSources(context, sourcesFor(state.facts(factsSchema).request), closing);
  const api = readRestoreTestEnvironment(context.env).api && openApi(context);
  const work = new LossWork(context, { sources, state, clock: realClock, api });
  const { target } = await work.place();
  const { policy } = context.config();
  const client = await targetConnector({ target, policy }, "switch-on", { log: context.log, signal: context.signal })();
  const done: string[] = [];
  try {
    for (const { what, on } of chosen) {
      await lease?.assertHeld();
      const failure = on === undefined ? await carryLive(work) : await attempt(client, on);
      if (failure !== undefined)
        throw new OperationError(
          "switch-failed",
          `${what} could not be switched on (${failure}); ${countOf(done.length, "thing")} before it ${done.length === 1 ? "is" : "are"} on.`,
          "The statement stands in the recovery's page: run it by hand as postgres, or put right what it objects to.",
        );
      done.push(what);
      await state.note({ switchedOn: [...new Set([...state.facts(factsSchema).switchedOn, what])] });
      context.log.info(`On: ${what}.`);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
  const { switchedOn } = state.facts(factsSchema);
  const left = off.filter(({ what }) => !switchedOn.includes(what)).map(({ what }) => what);
  const page = {
    title: `Recovery ${state.id}: switched on`,
    sentence: `${countOf(done.length, "thing")} switched on; ${countOf(left.length, "thing")} still off.`,
    tables: [
      { title: "On now", header: ["what"], rows: done.map((what) => [what]) },
      { title: "Still off", header: ["what"], rows: left.map((what) => [what]) },
    ],
  };
  return { result: { recovery: state.id, on: done, off: left }, page, outputs: outputsOf(state.id, "switched-on") };
}

/** @returns what stands in the way, in words; undefined: all is as it was */
async function carryLive(work: LossWork): Promise<string | undefined> {
  const configuration = await carry(work, { goLive: true });
  await work.state.note({ configuration });
  const refused = configuration.rows.filter(({ outcome }) => outcome === "refused");
  return refused.length === 0
    ? undefined
    : few(
        refused.map(({ section, field, why }) => `${section} ${field}: ${why}`),
        5,
      );
}

/** @throws ConfigurationError `switch-unknown` */
function choose(off: ReturnType<typeof offOf>, on: readonly string[], which: string): ReturnType<typeof offOf> {
  const numbered = off.map((one, index) => ({ ...one, number: String(index + 1) }));
  const left = numbered.filter(({ what }) => !on.includes(what));
  if (which === "all") return left;
  const found = left.filter(({ number, what }) => number === which || what === which);
  if (found.length > 0) return found;
  const names = left.map(({ number, what }) => `${number}: ${what}`).join("; ");
  throw new ConfigurationError(
    "switch-unknown",
    `Nothing that is off is called ${which}.`,
    left.length === 0 ? "All of it is on." : `Give a number, a name or all: ${names}.`,
  );
}

/**
 * Gives an unfinished recovery up, so that another can begin. Nothing is removed: the project that it made stays, and is named.
 * @throws ConfigurationError `recovery-none`
 */
export async function giveUp(context: Context, { scenario, folder }: Omit<Settling, "which">): Promise<Told> {
  using recoveries = await openRecoveries(context, folder, realClock);
  const state = recoveries.known.find((one) => one.scenario === scenario && one.ended === null);
  if (state === undefined) throw noRecovery(scenario);
  await using _lease = await recoveries.lease(state);
  await state.noteHuman({ by: context.who, what: "gave it up" });
  await state.end("given up");
  const { ref, plan } = state.facts(factsSchema);
  const left =
    plan.project === null
      ? "What is in the target stays there."
      : `The project that it made${ref === null ? `, where there is one, is called "${plan.project.name} ${state.id}"` : ` is ${ref}`}: it stays, and costs money, until you delete it in the dashboard.`;
  const sentence = `Recovery ${state.id} is given up. ${left}`;
  return {
    result: { recovery: state.id, outcome: "given-up", project: ref },
    page: { title: `Recovery ${state.id}`, sentence, tables: [] },
    outputs: { ...outputsOf(state.id, "given-up"), "project-ref": ref ?? "" },
  };
}

function outputsOf(recovery: string, outcome: string): Record<string, string> {
  return { recovery, outcome, set: "", "project-ref": "", "project-url": "" };
}

function noRecovery(scenario: string): ConfigurationError {
  return new ConfigurationError(
    "recovery-none",
    `There is no recovery of this kind (${scenario}) that this could be done to.`,
    "Begin one without this option; `lifeboat recover --help`.",
  );
}

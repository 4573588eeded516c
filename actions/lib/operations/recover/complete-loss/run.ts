import { isDeepStrictEqual } from "node:util";
import { ConfigurationError } from "../../../base/errors.ts";
import { type Clock, realClock } from "../../../base/flow/clock.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { runRestore } from "../../restore/run-restore.ts";
import { openRecoveries, type Recoveries } from "../access.ts";
import { runPhases } from "../phases.ts";
import { openSources, type Sources } from "../sources.ts";
import type { RecoveryState } from "../state.ts";
import { factsSchema, type LossPlan, type LossRequest, sourcesFor } from "./facts.ts";
import { handOver } from "./hand-over.ts";
import { look, openApi } from "./look.ts";
import { rehearsalPage, reportHandOver } from "./page.ts";
import { lossPhases } from "./phases.ts";
import { newPassword } from "./project.ts";
import { watchPromise } from "./promise.ts";
import { LossWork } from "./work.ts";

export interface LossRun {
  readonly request: LossRequest;
  readonly rehearse: boolean;
  /** Also when an earlier recovery was handed over a short time ago. */
  readonly again: boolean;
  /** For states that no bucket takes. */
  readonly folder: string | undefined;
  readonly clock?: Clock;
  /** Id of the unfinished recovery that this one is begun beside, as its plan B. */
  readonly beside?: string;
  /** Calls it off; default: the context's. */
  readonly signal?: AbortSignal;
}

/**
 * Recovers from a complete loss, or a regional disaster: everything from the newest usable set into a project that is made for it, or into a
 * target that a person has made. An unfinished recovery of the same request is taken up.
 *
 * @throws ConfigurationError what `look` refuses, `recovery-unfinished`, `lease-held`: nothing was written
 * @throws OperationError when it broke on the way; a later run goes on
 */
export async function runLoss(context: Context, run: LossRun): Promise<Told> {
  const { clock = realClock, request, rehearse, again } = run;
  using recoveries = await openRecoveries(context, run.folder, clock);
  using closing = new DisposableStack();
  const unfinished = unfinishedOf(recoveries, request, run.beside);
  if (unfinished === undefined && !again) refuseDone(recoveries, request, clock.now());
  const sources = await openSources(context, sourcesFor(request), closing);
  const plan = unfinished?.facts(factsSchema).plan ?? (await admitted(context, sources, request, recoveries));
  const phases = lossPhases(plan, context.config().policy, request.scenario);
  if (rehearse) {
    const page = rehearsalPage(plan, phases, unfinished?.id ?? null);
    const told = phases.map(({ run: _run, ...phase }) => phase);
    return { result: { outcome: "rehearsed", plan, phases: told }, page, outputs: outputsOf(plan) };
  }
  const state = unfinished ?? (await begin(recoveries, request, plan, again));
  await using lease = await recoveries.lease(state);
  if (unfinished !== undefined) {
    context.log.info(`Recovery ${state.id}, begun at ${state.begunAt}, is taken up.`);
    await state.noteHuman({ by: context.who, what: "took it up" });
  }
  const api = readRestoreTestEnvironment(context.env).api && openApi(context);
  const work = new LossWork(context, { sources, state, clock, api });
  const outer = run.signal ?? context.signal;
  const signal = lease === undefined ? outer : AbortSignal.any([outer, lease.lost]);
  const how = `Run the same command again: recovery ${state.id} goes on where it stopped.`;
  const watching = new AbortController();
  const watch = watchPromise(work, phases, AbortSignal.any([signal, watching.signal]));
  try {
    await runPhases(phases, work, { record: state, clock, log: context.log, signal, again: how });
  } finally {
    watching.abort();
    await watch;
  }
  // Ended only when it can be told: whoever takes it up after a failure here gets the page.
  const over = await handOver(work);
  await state.end("handed over");
  return { result: over, ...reportHandOver(over) };
}

function outputsOf({ candidates }: LossPlan): Record<string, string> {
  return {
    ...{ recovery: "", outcome: "rehearsed", set: candidates[0]?.set ?? "" },
    "project-ref": "",
    "project-url": "",
  };
}

/** @throws ConfigurationError `recovery-unfinished` when another one is under way */
function unfinishedOf({ known }: Recoveries, request: LossRequest, beside?: string): RecoveryState | undefined {
  const [state] = known.filter(({ ended, id }) => ended === null && id !== beside);
  if (state === undefined) return undefined;
  const noted = factsSchema.safeParse(state.scenario === request.scenario ? state.facts(factsSchema) : undefined).data;
  if (noted !== undefined && isDeepStrictEqual(noted.request, request)) return state;
  const asked = noted === undefined ? "" : `, asked for as ${wordsOf(noted.request)}`;
  throw new ConfigurationError(
    "recovery-unfinished",
    `Recovery ${state.id} (${state.scenario}${asked}) is unfinished since ${state.begunAt}. A second one would make a second project.`,
    `Take it up with the same words, or give it up: \`lifeboat recover ${state.scenario} --give-up\`.`,
  );
}

const dayMillis = 86_400_000;

/** A command that is typed, or a job that is run, once too often must not make another project. @throws ConfigurationError `recovery-done` */
function refuseDone({ known }: Recoveries, { scenario, target }: LossRequest, now: number): void {
  if (target !== null) return;
  const done = known.find(
    (one) =>
      one.scenario === scenario && one.ended?.how === "handed over" && now - Date.parse(one.ended.at) < dayMillis,
  );
  if (done?.ended === undefined || done.ended === null) return;
  throw new ConfigurationError(
    "recovery-done",
    `Recovery ${done.id} was handed over at ${done.ended.at}. Another one would make another project.`,
    "Go on with what it made (--switch-on NAME|all); or begin another with --again.",
  );
}

function wordsOf(request: LossRequest): string {
  const options = { set: request.set, target: request.target, region: request.region, production: request.production };
  const named = { ...options, "project-name": request.projectName, migrations: request.migrations };
  return Object.entries(named)
    .flatMap(([name, value]) => (value === null ? [] : [`--${name} ${value}`]))
    .join(" ");
}

/** What a target that a person has made refuses is known before anything is noted. */
async function admitted(
  context: Context,
  sources: Sources,
  request: LossRequest,
  { known }: Recoveries,
): Promise<LossPlan> {
  const ids = known.map(({ id }) => id);
  const plan = await look(context, sources, request, ids);
  const [first] = plan.candidates;
  if (request.target === null || first === undefined || first.archived) return plan;
  const { log, signal } = context;
  const config = { ...sources.config, target: context.config("target").target };
  const { tier, set } = first;
  await runRestore({
    ...{ config, ref: { tier, set }, vault: sources.vault, dryRun: true, log, signal },
    production: request.production ?? undefined,
  });
  return plan;
}

function begin(recoveries: Recoveries, request: LossRequest, plan: LossPlan, again: boolean): Promise<RecoveryState> {
  const password = plan.project === null ? null : newPassword();
  return recoveries.begin(request.scenario, { request, plan, password }, "began it", again);
}

import { ConfigurationError, LifeboatError } from "../../../base/errors.ts";
import { type Clock, realClock } from "../../../base/flow/clock.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { openRecoveries, type Recoveries } from "../access.ts";
import { runPhases, secondsOf } from "../phases.ts";
import type { RecoveryState } from "../state.ts";
import { factsSchema, refuseDone, unfinishedOf } from "./earlier.ts";
import { inPlacePhases } from "./in-place.ts";
import { type Moment, readMoment, refuseBeforeWindow } from "./moment.ts";
import { decisionPage, judgeReturned, rehearsalPage, returnedPage } from "./page.ts";
import { type InPlace, openInPlace } from "./place.ts";
import { besideIt, type PlanBOutcome } from "./plan-b.ts";
import { realPorts } from "./ports.ts";
import { lookAround } from "./prepare.ts";
import { reconcileFiles } from "./reconcile-files.ts";
import { replayInside, withErasures } from "./replay-inside.ts";
import {
  type Cause,
  Decision,
  type FailureRequest,
  nothingKnown,
  remember,
  scenario,
  unlessOurs,
  unlessRefused,
  type Work,
} from "./work.ts";

export interface FailureRun {
  readonly request: FailureRequest;
  readonly rehearse: boolean;
  /** Also when a recovery to the same moment was handed over. */
  readonly again: boolean;
  readonly folder: string | undefined;
  readonly clock?: Clock;
}

/**
 * Takes the database back to a moment, in its own project, by Supabase's point-in-time recovery; and, where somebody says so, brings the
 * newest good set into a new project beside it. A person decides whenever it does not go on by itself.
 *
 * @throws ConfigurationError what is refused before anything is touched
 */
export async function runDatabaseFailure(context: Context, run: FailureRun): Promise<Told> {
  const { request, rehearse, clock = realClock } = run;
  const target = readMoment(request.at, clock.now());
  const asked = request.askedAt === undefined ? undefined : readMoment(request.askedAt, clock.now());
  if (asked !== undefined && asked.unix < target.unix)
    throw new ConfigurationError(
      "usage",
      "--asked-at is before the moment that was asked for: nobody can have asked for it then.",
      "Give the time at which you pressed Restore, with its offset.",
    );
  const place = openInPlace(
    context,
    rehearse ? (request.production ?? context.config().projectRef ?? "") : request.production,
    clock,
    context.signal,
  );
  const ports = realPorts(context, place, target.unix, clock);
  if (rehearse) return rehearsed(context, target, ports, request);
  using recoveries = await openRecoveries(context, run.folder, clock);
  const unfinished = unfinishedOf(recoveries, target);
  if (unfinished === undefined && asked === undefined) {
    if (!run.again) refuseDone(recoveries, target);
    await refuseTooOld(ports, target);
  }
  const state =
    unfinished ?? (await recoveries.begin(scenario, { inPlace: nothingKnown(target) }, "began it", run.again));
  // Before anything is written into it: whoever works at it would be thrown out by that.
  const lease = await recoveries.lease(state);
  const work: Work = {
    ...{ ports, target, noSetBecause: request.noSetBecause, known: state.facts(factsSchema).inPlace },
    remember: (inPlace) => state.note({ inPlace }),
  };
  try {
    if (unfinished !== undefined)
      await unfinished.noteHuman({ by: context.who, what: `took it up${request.planB ? ", with plan B" : ""}` });
    if (asked !== undefined) await remember(work, { requestedAt: asked.unix * 1000, accepted: true });
  } catch (error) {
    await lease?.release();
    throw error;
  }
  return new Failure(context, run, { place, lease, state, work, clock }).run();
}

/** What can be refused is refused before anything is noted. @throws ConfigurationError `time-before-window`, what the API refuses */
async function refuseTooOld(ports: Work["ports"], target: Moment): Promise<void> {
  const backups = await ports.backups().catch(unlessRefused);
  if (backups?.window) refuseBeforeWindow(target, backups.window);
}

interface Parts {
  readonly place: InPlace;
  /** Undefined where the state is in a folder. */
  readonly lease: Awaited<ReturnType<Recoveries["lease"]>>;
  readonly state: RecoveryState;
  readonly work: Work;
  readonly clock: Clock;
}

/** One run, from its lease to what it says in the end. */
class Failure {
  readonly #context: Context;
  readonly #run: FailureRun;
  readonly #parts: Parts;

  constructor(context: Context, run: FailureRun, parts: Parts) {
    this.#context = context;
    this.#run = run;
    this.#parts = parts;
  }

  async run(): Promise<Told> {
    const { request } = this.#run;
    const { state, lease } = this.#parts;
    const begun = await this.#inPlace(request.planB === undefined ? "all" : "asked", lease);
    if (request.planB === undefined) return begun === undefined ? this.#returned() : this.#decide(begun);
    // A recovery that could not even be asked for leaves plan B alone.
    const waiting = begun === undefined ? this.#inPlace("all", undefined) : Promise.resolve(begun);
    const outcome = await besideIt({
      ...{
        context: this.#context,
        place: this.#parts.place,
        request,
        folder: this.#run.folder,
        again: this.#run.again,
      },
      set: (await this.#parts.work.ports.newestSet().catch(unlessRefused))?.set ?? "latest",
      ...{ recovery: state.id, clock: this.#parts.clock, inPlace: waiting },
    });
    if (outcome.winner === "in place") return this.#returned(outcome);
    return outcome.winner === "plan B" ? this.#handedOver(outcome) : this.#decide(outcome.why, outcome);
  }

  /**
   * @param until `asked`: only as far as the request
   * @returns why it does not go on; undefined: it is done
   */
  async #inPlace(
    until: "all" | "asked",
    lease: Awaited<ReturnType<Recoveries["lease"]>>,
  ): Promise<LifeboatError | undefined> {
    const { log, signal } = this.#context;
    const { policy } = this.#context.config();
    const { state, work, clock } = this.#parts;
    const { planBAfterMinutes } = policy.recovery;
    const { rtoMinutes } = policy.promises.scenarios.databaseFailure;
    const phases = inPlacePhases({ rtoMinutes, planBAfterMinutes });
    // What somebody has asked for by hand is only waited for.
    const wanted = this.#run.request.askedAt === undefined ? phases : phases.slice(-1);
    const some = until === "all" ? wanted : wanted.filter((phase) => phase !== phases.at(-1));
    try {
      await runPhases(some, work, {
        ...{ record: state, clock, log, again: "" },
        signal: lease === undefined ? signal : AbortSignal.any([signal, lease.lost]),
      });
      return undefined;
    } catch (error) {
      if (signal.aborted || !(error instanceof LifeboatError) || error.code === "recovery-failed") throw error;
      return error;
    } finally {
      await lease?.release();
    }
  }

  /** Somebody has to decide: everything that is known, and each way with what it loses. */
  async #decide(error: LifeboatError, planB?: PlanBOutcome): Promise<Told> {
    const { state, work } = this.#parts;
    const { request } = this.#run;
    const { policy } = this.#context.config();
    const cause: Cause = error.cause instanceof Decision ? error.cause.why : "refused";
    const { ports } = work;
    const asked = [ports.newestSet().catch(unlessOurs), ports.backups().catch(unlessOurs)] as const;
    const [newestSet, backups] = await Promise.all(asked);
    const page = decisionPage({
      ...{ recovery: state.id, error, target: work.target, known: work.known, planB, cause },
      ways: {
        ...{ cause, target: work.target, newestSet, command: this.#command(), daily: backups?.daily ?? [] },
        pitr: backups?.pitr ?? cause !== "pitr-off",
        planB: { started: request.planB !== undefined, mostUsdPerMonth: policy.recovery.mostUsdPerMonth },
      },
    });
    return {
      result: { recovery: state.id, outcome: "decision", cause, known: work.known, page },
      page,
      outputs: this.#outputs("decision"),
      failure: {
        code: error.code,
        message: error.message,
        next: error.next ?? "Decide: the ways that are left stand in the page.",
      },
    };
  }

  /** It is back in its own project. Files are held against it; where plan B was begun, its project is named and fenced. */
  async #returned(planB?: PlanBOutcome): Promise<Told> {
    const { state, work, place } = this.#parts;
    const erased = await replayInside(this.#context, work.known, place);
    const files = withErasures(await reconcileFiles(this.#context, work.known, place), erased);
    if (planB?.winner === "in place" && planB.loser !== null)
      await state.note({ loser: { ...planB.loser, removedAt: null } });
    await state.end("handed over");
    const page = returnedPage({
      recovery: state.id,
      work,
      times: state.times,
      human: state.human,
      files,
      planB,
      ref: place.ref,
    });
    const { outcome, failure } = judgeReturned(work.known.verdict, files, page.sentence);
    const phases = secondsOf(state.times);
    return {
      result: { recovery: state.id, outcome, known: work.known, files, phases },
      ...{ page, outputs: this.#outputs(outcome) },
      ...(failure !== undefined && { failure }),
    };
  }

  /** Plan B has the project now: what it says, and how the old one was shut. */
  async #handedOver(outcome: Extract<PlanBOutcome, { winner: "plan B" }>): Promise<Told> {
    const { state } = this.#parts;
    await state.end("handed over");
    const { told, fences } = outcome;
    const table = {
      title: "The old project, which lost: shut, and still there",
      header: ["way in", "state", "note"],
      rows: fences.map(({ what, done, note }) => [what, done ? "shut" : "OPEN", note]),
    };
    const page = told.page && {
      ...told.page,
      tables: [...told.page.tables, table],
      notes: [
        ...(told.page.notes ?? []),
        ...fences
          .filter(({ done, inside }) => !done && inside)
          .map(
            ({ what }) =>
              `Should project ${this.#parts.place.ref} come back, switch its ${what} off at once: they speak from inside.`,
          ),
        `Project ${this.#parts.place.ref} is not removed, and no command does it: its backups at Supabase would go with it. When the new one has sets of its own and nobody needs them any more: dashboard, Project Settings, General, Delete project.`,
      ],
    };
    // What only a database that answers could shut stays to be done; who can still come in is an alarm.
    const open = fences.filter(({ done, inside }) => !done && !inside);
    return {
      ...told,
      result: { recovery: state.id, planB: told.result, fences },
      ...(page && { page }),
      ...(open.length > 0 && {
        failure: {
          code: "fence-open",
          message: `The new project serves, and the old one is not shut off: ${open.map(({ what, note }) => `${what} (${note})`).join("; ")}`,
          next: "Shut it by hand before anybody works with the new one: dashboard, Database Settings, Network restrictions.",
        },
      }),
    };
  }

  #command(): string {
    const { request } = this.#run;
    const waived =
      request.noSetBecause === undefined ? "" : ` --no-set-because ${JSON.stringify(request.noSetBecause)}`;
    return `lifeboat recover ${scenario} --at ${request.at} --production ${this.#parts.place.ref}${waived}`;
  }

  #outputs(outcome: string): Record<string, string> {
    const { state, place, work } = this.#parts;
    return { recovery: state.id, outcome, set: work.known.set ?? "", "project-ref": place.ref, "project-url": "" };
  }
}

async function rehearsed(
  context: Context,
  target: Moment,
  ports: Work["ports"],
  request: FailureRequest,
): Promise<Told> {
  const { policy } = context.config();
  const { planBAfterMinutes } = policy.recovery;
  const { rtoMinutes } = policy.promises.scenarios.databaseFailure;
  const known = nothingKnown(target);
  const work: Work = { ports, target, noSetBecause: request.noSetBecause, known, remember: async () => undefined };
  await lookAround(work, context.signal);
  const phases = inPlacePhases({ rtoMinutes, planBAfterMinutes });
  const page = rehearsalPage(target, phases);
  return {
    result: { outcome: "rehearsed", target, phases: phases.map(({ run: _run, ...phase }) => phase) },
    page,
    outputs: { recovery: "", outcome: "rehearsed", set: "", "project-ref": "", "project-url": "" },
  };
}

import { LifeboatError, OperationError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { openRecoveries, type Recoveries } from "../access.ts";
import { factsSchema } from "../complete-loss/facts.ts";
import { runLoss } from "../complete-loss/run.ts";
import type { RecoveryState } from "../state.ts";
import { type Fence, fenceOff } from "./fence.ts";
import type { InPlace } from "./place.ts";
import type { FailureRequest } from "./work.ts";

/** The project that plan B has made, when the other one serves. */
export interface Loser {
  /** Id of plan B's own recovery. */
  readonly recovery: string;
  readonly ref: string;
}

/** Which of the two projects serves in the end. */
export type PlanBOutcome =
  /** The database came back, and loses least: plan B was broken off, and what it has made is named. */
  | { readonly winner: "in place"; readonly planB: string; readonly loser: Loser | null }
  /** The new project, because the old one is not shown to be back. */
  | { readonly winner: "plan B"; readonly told: Told; readonly fences: readonly Fence[] }
  /** Neither. */
  | { readonly winner: "nobody"; readonly why: LifeboatError; readonly planB: string };

interface Beside {
  readonly context: Context;
  readonly place: InPlace;
  readonly request: FailureRequest;
  readonly folder: string | undefined;
  readonly again: boolean;
  /** Id of the set that comes back. */
  readonly set: string;
  readonly recovery: string;
  readonly clock: Clock;
  /** Ends with undefined when the database is back, and with why when somebody would have to decide. */
  readonly inPlace: Promise<LifeboatError | undefined>;
}

/**
 * Brings the newest good set into a new project, while the database is waited for. Whichever is there first and proven serves: the
 * database in its own project, as long as the new one is not handed over. The loser is shut off before the hand-over is told, and never
 * removed.
 */
export async function besideIt(beside: Beside): Promise<PlanBOutcome> {
  const { context, place, request, folder, again, recovery, clock, inPlace } = beside;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  context.log.warn("Plan B begins: a new project beside the old one, from the newest set that counts.");
  const loss = runLoss(context, {
    request: {
      ...{ scenario: "complete-loss", set: beside.set, target: null, production: null, migrations: null },
      ...{ region: request.region, projectName: request.projectName },
    },
    ...{ rehearse: false, again, folder, clock, signal, beside: recovery },
  }).then(
    (told) => ({ told }),
    (error: unknown) => ({ error }),
  );
  const end = async (): Promise<Awaited<typeof loss>> => {
    stop.abort(new Error("the database is back"));
    return loss;
  };
  const first = await Promise.race([
    loss.then(() => "planB" as const),
    inPlace.then(async (why) => why ?? "back"),
  ]).catch(async (error: unknown) => {
    // Called off, or a mistake of ours: nothing goes on unseen.
    await end();
    throw error;
  });
  if (first === "back") {
    const ended = await end();
    return lost(beside, "told" in ended ? "had ended, too" : "was broken off");
  }
  const ended = await loss;
  context.signal.throwIfAborted();
  if ("error" in ended) {
    if (!(ended.error instanceof LifeboatError)) throw ended.error;
    // Only the other one is left.
    const why = await inPlace;
    if (why === undefined) return lost(beside, `failed (${ended.error.message})`);
    const planB = `failed: ${ended.error.message}${await leftBy(beside)} In place: ${why.message}`;
    return { winner: "nobody", why: ended.error, planB };
  }
  // A copy that is not as it was must not shut the old one off, which may still come back. One that is equal, and that nobody has
  // shown to work, may: its page says so.
  const failure = ended.told.failure?.code === "recovery-unproven" ? undefined : ended.told.failure;
  if (failure !== undefined) {
    context.log.warn(`Plan B is there, and not as it was: ${failure.message} The database in place is waited for.`);
    if ((await inPlace) === undefined) return lost(beside, `is there, and not as it was (${failure.message})`);
    return {
      winner: "nobody",
      why: new OperationError(failure.code, failure.message, failure.next),
      planB: `is there, and not as it was: ${failure.message}${await leftBy(beside)}`,
    };
  }
  const fences = await fenceOff(place.api, place.ref, context.env);
  return { winner: "plan B", told: ended.told, fences };
}

/** The database is back in its own project: what plan B has made is shut off, and stays until somebody says that it goes. */
async function lost(beside: Beside, how: string): Promise<PlanBOutcome> {
  const loser = await projectOf(beside);
  if (loser === null) return { winner: "in place", planB: `${how}; and it had made no project`, loser };
  const fences = await fenceOff(beside.place.api, loser.ref, beside.context.env);
  const ways = fences.map(({ what, done }) => `${what}: ${done ? "shut" : "OPEN"}`).join(", ");
  const goes = `lifeboat recover database-failure --remove-project ${loser.ref}`;
  // A project that is half made may not answer.
  const shut = fences.every(({ done, inside }) => done || inside)
    ? "is shut off"
    : "is NOT shut off: do it in the dashboard, Database Settings, Network restrictions";
  const planB = `${how}; its project ${loser.ref} ${shut} (${ways}), stays and costs money until you say that it goes, after the incident: ${goes}`;
  return { winner: "in place", planB, loser };
}

/** Neither serves: what plan B has made is all there may be, and is left open. */
async function leftBy({ context, folder, clock, recovery }: Beside): Promise<string> {
  using recoveries = await openRecoveries(context, folder, clock);
  const state = planBOf(recoveries, recovery);
  const ref = state?.facts(factsSchema).ref ?? null;
  if (ref === null) return "";
  const way =
    state?.ended === null ? "the same command takes it up" : "look at what differs before anybody works with it";
  return ` Its project ${ref} is there, is not shut off and costs money: ${way}.`;
}

function planBOf({ known }: Recoveries, recovery: string): RecoveryState | undefined {
  return known.find((one) => one.scenario === "complete-loss" && one.id > recovery);
}

/** Null where none is noted. */
async function projectOf({ context, folder, clock, recovery }: Beside): Promise<Loser | null> {
  using recoveries = await openRecoveries(context, folder, clock);
  const state = planBOf(recoveries, recovery);
  if (state === undefined) return null;
  if (state.ended === null) {
    await state.noteHuman({ by: context.who, what: "the database came back in its own project" });
    await state.end("given up");
  }
  const { ref } = state.facts(factsSchema);
  return ref === null ? null : { recovery: state.id, ref };
}

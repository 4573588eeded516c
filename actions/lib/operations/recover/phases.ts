import { describeCode, LifeboatError, OperationError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import { Interrupted } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import { formatDuration, formatInstant } from "../../base/measures.ts";

/** One part of a recovery, in the words that a tired person reads while waiting for it. */
export interface Phase<Work> {
  /** Unique within the scenario, e.g. `make the project`. Noted in the state: a name that was given stays. */
  readonly name: string;
  /** One sentence. */
  readonly does: string;
  /** On what its time depends, e.g. `Supabase, which starts a machine`. */
  readonly waitsFor: string;
  readonly usuallySeconds: number;
  /** After so long somebody has to decide; from the scenario's RTO (`shares`). */
  readonly deadlineSeconds: number;
  /** What to do when it has not come until then, as a sentence. */
  readonly whenLate: string;
  /**
   * `ends`: at its deadline the run ends with that sentence, and goes on from here when it is run again. `goes on`: said loudly, again
   * at each further deadline, and not broken off, because what it has done so far is worth more than a new try.
   */
  readonly late: "ends" | "goes on";
  /** Has to find by itself what an earlier run of it has done, killed at any moment: it is run again until it has ended well. */
  run(work: Work, signal: AbortSignal): Promise<void>;
}

/** How a phase went that ended well. Times in ISO 8601, by the recovery's clock. */
export interface PhaseTime {
  readonly phase: string;
  readonly begunAt: string;
  readonly endedAt: string;
  /** It took longer than it may. */
  readonly late: boolean;
}

/** How long each phase took, in whole seconds, as pages and results tell it. */
export function secondsOf(
  times: readonly PhaseTime[],
): { readonly name: string; readonly seconds: number; readonly late: boolean }[] {
  return times.map(({ phase, begunAt, endedAt, late }) => ({
    ...{ name: phase, late },
    seconds: Math.round((Date.parse(endedAt) - Date.parse(begunAt)) / 1000),
  }));
}

/** Where it is kept which phases are done: the sealed state of a recovery. */
export interface PhaseRecord {
  /** Those that have ended well, in this run or an earlier one. */
  readonly times: readonly PhaseTime[];
  /** Returns when it is safely noted. */
  noteTime(time: PhaseTime): Promise<void>;
}

export interface PhaseRun {
  readonly record: PhaseRecord;
  readonly clock: Clock;
  readonly log: Log;
  /** Calls all of it off. */
  readonly signal: AbortSignal;
  /** How somebody takes it up again, as a sentence. */
  readonly again: string;
}

/**
 * Runs the phases in order. Those that the record has are passed over; each of the others is announced with what it waits for and until
 * when, and noted when it has ended well.
 *
 * @throws OperationError `phase-late`; what a phase throws, with its name; the signal's reason
 */
export async function runPhases<Work>(phases: readonly Phase<Work>[], work: Work, run: PhaseRun): Promise<void> {
  for (const [index, phase] of phases.entries()) {
    run.signal.throwIfAborted();
    const title = `Phase ${index + 1} of ${phases.length}: ${phase.name}`;
    const known = run.record.times.find((time) => time.phase === phase.name);
    if (known !== undefined) {
      run.log.info(`${title}: done at ${formatInstant(known.endedAt)}.`);
      continue;
    }
    const time = await run.log
      .group(title, () => timed(phase, work, run))
      .catch((error: unknown) => {
        throw failureOf(phase, error, run);
      });
    await run.record.noteTime(time);
  }
}

/** Enough for the work to end in good order after its deadline; then it is left alone. */
const graceMillis = 10_000;

async function timed<Work>(phase: Phase<Work>, work: Work, run: PhaseRun): Promise<PhaseTime> {
  const { clock, log, signal } = run;
  const begun = clock.now();
  const { does, waitsFor, usuallySeconds, deadlineSeconds } = phase;
  const until = begun + deadlineSeconds * 1000;
  log.info(`${does} Waits for ${waitsFor}.`);
  log.info(
    `Usually takes ${formatDuration(usuallySeconds * 1000)}; it has until ${formatInstant(until)}. After that: ${phase.whenLate}`,
  );
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const watching = new AbortController();
  const running = phase.run(work, both);
  const watch = watchTime(phase, begun, { ...run, signal: AbortSignal.any([signal, watching.signal]) });
  try {
    await Promise.race([running, watch]);
  } catch (error) {
    // Nothing of it goes on unseen: it hears of its end, and has a moment for it.
    stop.abort(error);
    const grace = new AbortController();
    await Promise.race([running.catch(() => undefined), clock.sleep(graceMillis, grace.signal).catch(() => undefined)]);
    grace.abort();
    throw signal.aborted ? signal.reason : error;
  } finally {
    watching.abort();
    watch.catch(() => undefined);
  }
  const ended = clock.now();
  const late = ended > until;
  log.info(`Done in ${formatDuration(ended - begun)}${late ? `, which is later than it should be` : ""}.`);
  return {
    phase: phase.name,
    begunAt: new Date(begun).toISOString(),
    endedAt: new Date(ended).toISOString(),
    late,
  };
}

/** Says when it takes long, and ends or warns at the deadline. Never returns. @throws OperationError `phase-late` */
async function watchTime(
  { name, usuallySeconds, deadlineSeconds, whenLate, late }: Omit<Phase<never>, "run">,
  begun: number,
  { clock, log, signal }: Pick<PhaseRun, "clock" | "log" | "signal">,
): Promise<never> {
  const wait = (seconds: number): Promise<void> => clock.sleep(begun + seconds * 1000 - clock.now(), signal);
  if (usuallySeconds * 2 < deadlineSeconds) {
    await wait(usuallySeconds * 2);
    log.warn(
      `${name}: takes longer than usual, ${formatDuration(usuallySeconds * 2000)} so far. It has until ${formatInstant(begun + deadlineSeconds * 1000)}.`,
    );
  }
  for (let times = 1; ; times++) {
    await wait(deadlineSeconds * times);
    const since = formatDuration(deadlineSeconds * times * 1000);
    if (late === "ends") throw new OperationError("phase-late", `It has not come after ${since}.`, whenLate);
    log.warn(`LATE: ${name} takes ${since} now. It is not broken off. What to do: ${whenLate}`);
  }
}

/** A recovery that has begun has written something: nothing is a refusal any more. Errors that are not ours may carry rows. */
function failureOf<Work>({ name }: Phase<Work>, error: unknown, { signal, again }: PhaseRun): unknown {
  if (error instanceof Interrupted || (signal.aborted && !(error instanceof LifeboatError))) return error;
  if (!(error instanceof LifeboatError)) {
    const kind = error instanceof Error ? error.name : "unknown error";
    return new OperationError("recovery-failed", `${name}: failed (${kind}; ${describeCode(error)}).`, again, error);
  }
  const next = [error.next, again].filter(Boolean).join(" ");
  return new OperationError(error.code, `${name}: ${error.message}`, next, error);
}

/** Share of the promised time that is people's, and no phase's. */
export const kept = 0.25;

/**
 * Divides the time that a scenario has among its phases.
 * @param weights by name, in any unit @param rtoMinutes of the policy @param share of it (0 to 1) for what people do, default `kept`
 * @returns seconds by name, whole
 */
export function shares<Name extends string>(
  weights: Readonly<Record<Name, number>>,
  rtoMinutes: number,
  share = kept,
): Readonly<Record<Name, number>> {
  const all = Object.values<number>(weights).reduce((sum, weight) => sum + weight, 0);
  const seconds = rtoMinutes * 60 * (1 - share);
  const divided = Object.entries<number>(weights).map(([name, weight]) => [name, Math.floor((seconds * weight) / all)]);
  return Object.fromEntries(divided) as Record<Name, number>;
}

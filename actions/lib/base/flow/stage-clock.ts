import { describeCode } from "../error-code.ts";
import { LifeboatError, OperationError } from "../errors.ts";
import type { Log } from "../log.ts";
import { Interrupted } from "./interrupt.ts";

export interface StageTime {
  readonly stage: string;
  readonly seconds: number;
}

/** Times each stage of a run and puts its name into whatever goes wrong in it. */
export class StageClock {
  readonly times: StageTime[] = [];
  readonly #log: Log;
  readonly #signal: AbortSignal;

  /** @param signal its reason counts more than what it brought about */
  constructor(log: Log, signal: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
  }

  /** @param stage one that writes; what comes out of it is never a refusal any more */
  stage<T>(stage: string, work: () => Promise<T>): Promise<T> {
    return this.#timed(stage, work, (error) => atStage(stage, error));
  }

  /** The same for a stage that has written nothing yet: its ConfigurationErrors stay refusals (exit code 2). */
  gate<T>(stage: string, work: () => Promise<T>): Promise<T> {
    return this.#timed(stage, work, (error) => (error instanceof LifeboatError ? error : atStage(stage, error)));
  }

  async #timed<T>(stage: string, work: () => Promise<T>, describe: (error: unknown) => unknown): Promise<T> {
    const begun = performance.now();
    try {
      return await this.#log.group(stage, work);
    } catch (error) {
      throw describe(this.#signal.aborted ? this.#signal.reason : error);
    } finally {
      this.times.push({ stage, seconds: Math.round(performance.now() - begun) / 1000 });
    }
  }
}

/**
 * The error that a run ends with. Anything that isn't ours becomes an OperationError of its code only, because the messages
 * of drivers and servers may carry rows.
 */
function atStage(stage: string, error: unknown): Error {
  if (error instanceof Interrupted) return error;
  if (error instanceof LifeboatError)
    return new OperationError(error.code, `${stage}: ${error.message}`, error.next, error);
  const kind = error instanceof Error ? error.name : "unknown error";
  return new OperationError(
    "backup-failed",
    `${stage}: failed (${kind}; ${describeCode(error)}).`,
    "Run it again; nothing of this run is visible in the vault. If it comes back, report it with this line.",
  );
}

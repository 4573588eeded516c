import { describeCode, LifeboatError, OperationError } from "../errors.ts";
import type { Log } from "../log.ts";

export interface StageTime {
  readonly name: string;
  readonly seconds: number;
}

/** Runs the stages of a run one after another, tells them, and keeps what each took. */
export class Stages {
  readonly taken: StageTime[] = [];
  readonly #log: Log;
  readonly #signal: AbortSignal | undefined;

  /** @param signal its reason counts more than what it brought about */
  constructor(log: Log, signal?: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
  }

  /** Errors pass as they are. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      return await this.#log.group(name, work);
    } catch (error) {
      throw this.#signal?.aborted ? this.#signal.reason : error;
    } finally {
      this.taken.push({ name, seconds: Math.round(performance.now() - begun) / 1000 });
    }
  }

  /** A stage that writes: its name stands in whatever goes wrong in it, and nothing of that is a refusal any more. */
  write<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.run(name, work).catch((error: unknown) => {
      throw atStage(name, error);
    });
  }

  /** The same for a stage that has written nothing yet: its ConfigurationErrors stay refusals (exit code 2). */
  gate<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.run(name, work).catch((error: unknown) => {
      throw error instanceof LifeboatError ? error : atStage(name, error);
    });
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

/**
 * A signal that is aborted by Ctrl-C or a polite kill, so that the work can end in good order; a second Ctrl-C, a second
 * later or more, ends us at once. (A terminal and npm may each deliver the first one.)
 */
export function onInterrupt(): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  let first: number | undefined;
  const interrupt = (name: NodeJS.Signals): void => {
    const why = new Interrupted(name);
    if (first !== undefined && Date.now() - first > 1000) process.exit(why.exitCode);
    first ??= Date.now();
    controller.abort(why);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    },
  };
}

/** Why the work was given up. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** As shells have it: 128 and the signal's number. */
  readonly exitCode: 130 | 143;

  constructor(signal: string) {
    super(`interrupted by ${signal}`);
    this.exitCode = signal === "SIGTERM" ? 143 : 130;
  }
}

/** A cancelled job has seven seconds at GitHub: so many of them for the work to end in good order, the others to tell of it. */
const graceMs = 3500;

/**
 * The work's result. Once the signal is aborted, work that is deaf to it is left after a moment, as a kill would leave it:
 * whoever awaits this ends the process then.
 * @throws the signal's reason, whatever the work says: what was broken off tells of itself in many ways
 */
export async function untilInterrupted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const leave = (): void => {
    timer = setTimeout(() => reject(signal.reason), graceMs);
  };
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, left]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
  }
}

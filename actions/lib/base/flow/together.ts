import { OperationError } from "../errors.ts";
import { Interrupted } from "./interrupt.ts";

/** Ends everything that a run has under way, for one reason: the first. */
export class Stop {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;

  /** @param outer called off by whoever started the run, e.g. on SIGTERM */
  constructor(outer?: AbortSignal) {
    const follow = (): void => this.now(interrupted(outer?.reason));
    if (outer?.aborted) follow();
    else outer?.addEventListener("abort", follow, { once: true, signal: this.signal });
  }

  now(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Stops when `signal` does, with its reason. */
  on(signal: AbortSignal): void {
    if (signal.aborted) this.now(signal.reason);
    else signal.addEventListener("abort", () => this.now(signal.reason), { once: true, signal: this.signal });
  }
}

function interrupted(reason: unknown): Error {
  if (reason instanceof Interrupted) return reason;
  return new OperationError(
    "interrupted",
    "The backup was called off.",
    "Run it again; nothing of this run is visible in the vault.",
    reason,
  );
}

/**
 * Runs everything at the same time. The first failure stops the others, and only when all have ended it is thrown: nothing
 * goes on in the background after a failure.
 */
export async function together<T>(stop: Stop, works: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results = await Promise.allSettled(
    works.map(async (work) => {
      try {
        stop.signal.throwIfAborted();
        return await work();
      } catch (error) {
        stop.now(error);
        throw error;
      }
    }),
  );
  stop.signal.throwIfAborted();
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** Takes items off the front of `queue`, `lanes` at a time. */
export function inLanes<T>(
  stop: Stop,
  queue: readonly T[],
  lanes: number,
  work: (item: T, lane: number) => Promise<void>,
): Promise<unknown> {
  const left = [...queue];
  const lane = async (number: number): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      stop.signal.throwIfAborted();
      await work(item, number);
    }
  };
  return together(
    stop,
    Array.from({ length: lanes }, (_, number) => () => lane(number)),
  );
}

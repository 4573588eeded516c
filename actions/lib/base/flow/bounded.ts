import { OperationError } from "../errors.ts";
import { Interrupted } from "./stages.ts";

/** Runs `work` on every item, `width` at a time, and gives the results in the items' order. The first error ends it. */
export async function mapBounded<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (!failed && next < items.length) {
      const index = next++;
      const item = items[index] as T;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}

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

/** Lets so many pieces of work run at a time, and so many bytes of theirs be held. One alone is always let in. */
export class Lanes {
  readonly #width: number;
  readonly #bytes: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #held = 0;

  constructor(width: number, bytes: number) {
    this.#width = width;
    this.#bytes = bytes;
  }

  /** Waits for a place. @returns a function that gives it back */
  async enter(bytes: number): Promise<() => void> {
    while (this.#running > 0 && (this.#running >= this.#width || this.#held + bytes > this.#bytes))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    this.#held += bytes;
    return () => {
      this.#running--;
      this.#held -= bytes;
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }
}

/** A bounded number of things that go on in the background, e.g. uploads. The first that fails stops the run. */
export class Background implements AsyncDisposable {
  readonly #stop: Stop;
  readonly #width: number;
  readonly #underWay = new Set<Promise<void>>();

  constructor(stop: Stop, width: number) {
    this.#stop = stop;
    this.#width = width;
  }

  /** Begins the work, as soon as there is room for it. */
  async add(work: () => Promise<void>): Promise<void> {
    while (this.#underWay.size >= this.#width) await Promise.race(this.#underWay);
    this.#stop.signal.throwIfAborted();
    const settled: Promise<void> = work()
      .catch((error: unknown) => this.#stop.now(error))
      .finally(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#stop.signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#underWay);
  }
}

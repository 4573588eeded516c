import { setTimeout as realSleep } from "node:timers/promises";

/** What waiting needs of a clock (`clock.ts`): a backup waits by the real one and needs no other. */
interface Waiting {
  now(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** How often something is tried that may pass. */
export interface Patience {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** No further attempt begins when this many seconds have passed since the first; default: no bound. */
  readonly totalSeconds?: number;
  /** The pause before the second attempt lies between half of this and all of it; it doubles up to `capMillis`. */
  readonly baseMillis: number;
  readonly capMillis: number;
  /** By which it waits; default: the real one. */
  readonly clock?: Waiting;
}

/** How long a request to the store is tried. */
export interface RetryPolicy extends Patience {
  /** An attempt in which no byte has moved for so long is given up. */
  readonly stallSeconds: number;
  /** An attempt is given up after so long even when bytes still trickle. */
  readonly attemptSeconds: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 7,
  totalSeconds: 300,
  baseMillis: 400,
  capMillis: 15_000,
  stallSeconds: 30,
  attemptSeconds: 600,
};

/** What ended the attempts: the last error, how many there were, how long it took. */
export interface GivenUp {
  readonly error: unknown;
  readonly attempts: number;
  readonly seconds: number;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the policy is exhausted.
 * @param again says of an error, the attempt's number beside it, whether another can help; or in how many milliseconds
 * @param refuse makes the error that is thrown at the end
 */
export async function withRetries<T>(
  policy: Patience,
  attempt: (count: number) => Promise<T>,
  again: (error: unknown, count: number) => boolean | number,
  refuse: (end: GivenUp) => unknown,
  signal?: AbortSignal,
): Promise<T> {
  const now = (): number => policy.clock?.now() ?? performance.now();
  const begun = now();
  for (let count = 1; ; count++) {
    signal?.throwIfAborted();
    try {
      return await attempt(count);
    } catch (error) {
      signal?.throwIfAborted();
      const seconds = (now() - begun) / 1000;
      const wait = again(error, count);
      if (wait === false || count >= policy.attempts || seconds >= (policy.totalSeconds ?? Number.POSITIVE_INFINITY))
        throw await refuse({ error, attempts: count, seconds });
      if (typeof wait === "number") await sleepUnless(signal, wait, policy.clock);
      else await pauseBefore(count + 1, policy, signal);
    }
  }
}

/** The pause before an attempt; it ends at once when the signal says stop. */
export function pauseBefore(
  attempt: number,
  { baseMillis, capMillis, clock }: Pick<Patience, "baseMillis" | "capMillis" | "clock">,
  signal?: AbortSignal,
): Promise<void> {
  const ceiling = Math.min(capMillis, baseMillis * 2 ** (attempt - 2));
  // Jitter keeps the parts of one upload, all refused at once, from coming back at once.
  return sleepUnless(signal, ceiling * (0.5 + Math.random() / 2), clock);
}

async function sleepUnless(signal: AbortSignal | undefined, milliseconds: number, clock?: Waiting): Promise<void> {
  const slept = clock?.sleep(milliseconds, signal) ?? realSleep(milliseconds, undefined, signal ? { signal } : {});
  await slept.catch(() => {});
}

/** Thrown into an attempt in which nothing moves any more. */
export class Stalled extends Error {
  override readonly name = "Stalled";
}

/** Aborts one attempt when its bytes stop moving, when it takes too long, or when the caller gives up. */
export interface StallWatch {
  readonly signal: AbortSignal;
  /** To be called for every slice that went out or came in. */
  moved(): void;
  /** Drops the connection of an answer that will not be read to its end. */
  abandon(): void;
  [Symbol.dispose](): void;
}

/** @param stallSeconds longest silence @param totalSeconds longest duration, both of one attempt */
export function watchStalls(stallSeconds: number, totalSeconds: number, outer?: AbortSignal): StallWatch {
  const controller = new AbortController();
  const onStall = () => controller.abort(new Stalled(`nothing moved for ${stallSeconds} s`));
  const silence = setTimeout(onStall, stallSeconds * 1000);
  const total = setTimeout(
    () => controller.abort(new Stalled(`not done after ${totalSeconds} s`)),
    totalSeconds * 1000,
  );
  const onOuter = () => controller.abort(outer?.reason);
  if (outer?.aborted) onOuter();
  else outer?.addEventListener("abort", onOuter, { once: true });
  return {
    signal: controller.signal,
    moved: () => void silence.refresh(),
    abandon: () => controller.abort(new Error("abandoned")),
    [Symbol.dispose]() {
      clearTimeout(silence);
      clearTimeout(total);
      outer?.removeEventListener("abort", onOuter);
    },
  };
}

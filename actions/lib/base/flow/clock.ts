import { setTimeout as wait } from "node:timers/promises";

/**
 * The time, for work in which a decision hangs on it: a recovery waits minutes for others, and must decide in time. Taken as a
 * value, so that a thousand incidents can be played in a second, each with its own clock.
 */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Returns after `milliseconds`. @throws the signal's reason as soon as it is aborted, also when it was before */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: Date.now,
  async sleep(milliseconds, signal) {
    signal?.throwIfAborted();
    try {
      await wait(Math.max(0, milliseconds), undefined, signal && { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

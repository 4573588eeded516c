import type { Clock } from "../../../actions/lib/base/flow/clock.ts";

/** A clock that jumps: whoever sleeps wakes as soon as everybody sleeps, in the order of the times. */
export interface VirtualClock extends Clock {
  /** Moves on by itself, for what nobody waits for. */
  advance(milliseconds: number): void;
}

/** Begins at `start`, milliseconds since 1970. */
export function virtualClock(start = Date.UTC(2026, 10, 29, 3, 0, 0)): VirtualClock {
  let time = start;
  let order = 0;
  let ticking = false;
  const sleepers: { readonly at: number; readonly order: number; wake(): void }[] = [];

  /** Lets all that can run do so first, then wakes the next sleeper. */
  function tick(): void {
    if (ticking) return;
    ticking = true;
    setImmediate(() => {
      ticking = false;
      sleepers.sort((one, other) => one.at - other.at || one.order - other.order);
      const next = sleepers.shift();
      if (next === undefined) return;
      time = Math.max(time, next.at);
      next.wake();
      tick();
    });
  }

  return {
    now: () => time,
    advance(milliseconds) {
      time += milliseconds;
    },
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper = { at: time + Math.max(0, milliseconds), order: order++, wake };
        const stop = (): void => {
          const place = sleepers.indexOf(sleeper);
          if (place >= 0) sleepers.splice(place, 1);
          reject(signal?.reason);
        };
        function wake(): void {
          signal?.removeEventListener("abort", stop);
          resolve();
        }
        signal?.addEventListener("abort", stop, { once: true });
        sleepers.push(sleeper);
        tick();
      }),
  };
}

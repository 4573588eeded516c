import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../actions/lib/base/flow/clock.ts";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that stands still while anything works, and jumps to the next sleeper when all sleep: hours pass in milliseconds. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<Sleeper>();
  #moving = false;

  /** @param begin ISO 8601 */
  constructor(begin = "2026-11-22T22:15:00.000Z") {
    this.#now = Date.parse(begin);
  }

  now(): number {
    return this.#now;
  }

  /** Time that work itself takes. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { at: this.#now + Math.max(0, milliseconds), wake: resolve };
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#sleepers.add(sleeper);
    void this.#move();
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #move(): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    while (this.#sleepers.size > 0) {
      // Whoever can go on does so first, also over a few rounds of the event loop.
      for (let round = 0; round < 3; round++) await turn();
      const [next] = [...this.#sleepers].sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.#sleepers.delete(next);
      next.wake();
    }
    this.#moving = false;
  }
}

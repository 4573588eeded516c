import type { Stop } from "./bounded.ts";

const fewest = 2;
/** A lane more has to bring this much, or it only takes from others. */
const worthwhile = 1.1;
/** A probe that takes twice as long as the quickest one, and is not within what this machine itself makes of it. */
const slow = { times: 2, millis: 25 };
/** Looks after which what did not help, or was refused, is tried once more. */
const calmLooks = 240;
/** An item's end, when nothing is read, must not look as if the last lane had brought nothing. */
const doubtful = 2;

/** How many lanes there should be, by what was measured. Pure. */
export class LaneCount {
  readonly #most: number;
  #allowed: number;
  #lanes: number;
  #growing = true;
  #rate = 0;
  #doubts = 0;
  #probes: number[] = [];
  #quickest = Number.POSITIVE_INFINITY;
  #calm = 0;

  /** @param most at any time */
  constructor(most: number) {
    this.#most = most;
    this.#allowed = most;
    this.#lanes = Math.min(fewest, most);
  }

  get lanes(): number {
    return this.#lanes;
  }

  /**
   * To be told of a while in which all lanes were at work.
   * @param rate of all lanes together, in any unit @param probe milliseconds that a small question took meanwhile
   */
  measured(rate: number, probe: number | undefined): void {
    if (this.#isSlow(probe)) {
      this.refused();
    } else if (!this.#growing) {
      this.#calm += 1;
      if (this.#calm < calmLooks) return;
      this.#allowed = Math.min(this.#most, this.#lanes + 1);
      this.#rate = rate;
      this.#grow();
    } else if (rate >= this.#rate * worthwhile) {
      this.#rate = rate;
      this.#grow();
    } else {
      this.#doubts += 1;
      if (this.#doubts === doubtful) this.#settle(Math.max(Math.min(fewest, this.#allowed), this.#lanes - 1));
    }
  }

  /** The other side cannot, or should not, bear as many. */
  refused(): void {
    this.#settle(Math.max(1, this.#lanes - 1));
    this.#allowed = this.#lanes;
  }

  #grow(): void {
    this.#calm = 0;
    this.#doubts = 0;
    this.#growing = this.#lanes < this.#allowed;
    if (this.#growing) this.#lanes += 1;
  }

  #settle(lanes: number): void {
    this.#lanes = lanes;
    this.#growing = false;
    this.#calm = 0;
    this.#doubts = 0;
    this.#probes = [];
  }

  /** By the quickest of three: a single one may have waited for this process. */
  #isSlow(probe: number | undefined): boolean {
    if (probe === undefined) return false;
    this.#probes = [...this.#probes.slice(-2), probe];
    this.#quickest = Math.min(this.#quickest, probe);
    const now = Math.min(...this.#probes);
    const isFull = this.#probes.length === 3 && this.#lanes > 1;
    return isFull && now > this.#quickest * slow.times && now > this.#quickest + slow.millis;
  }
}

/** What work is done with on one lane, e.g. a session. */
interface Lanes<Item, Tool> {
  readonly most: number;
  open(): Promise<Tool>;
  close(tool: Tool): Promise<unknown>;
  work(item: Item, tool: Tool, attempt: number): Promise<void>;
  /** Whether `open` was refused because there are too many, so that the work can go on with fewer. */
  isFull(error: unknown): boolean;
  /** Whether the tool broke, as it was opened or at work, so that the item is worth doing again with another. */
  isLost(error: unknown): boolean;
  /** What has been done so far, in any unit. */
  done(): number;
  /** Milliseconds that the last small question to the other side took. */
  probe(): number | undefined;
}

const lookMillis = 500;
/** Of one item, the first included. */
const attempts = 4;

/**
 * Takes items off the front of `queue` on as many lanes as help: begins with two, and adds one while that brings more.
 * The first failure ends all of them, and is thrown when they have ended.
 */
export async function inGrowingLanes<Item, Tool>(
  stop: Stop,
  queue: readonly Item[],
  { most, open, close, work, isFull, isLost, done, probe }: Lanes<Item, Tool>,
): Promise<void> {
  const count = new LaneCount(most);
  const left = queue.map((item) => ({ item, attempt: 1 }));
  const running = new Set<Promise<void>>();
  let lanes = 0;
  let working = 0;

  const lane = async (): Promise<void> => {
    let tool: Tool | undefined;
    lanes += 1;
    try {
      while (lanes <= count.lanes) {
        stop.signal.throwIfAborted();
        const next = left.shift();
        if (next === undefined) return;
        try {
          tool ??= await open();
          working += 1;
          await work(next.item, tool, next.attempt).finally(() => --working);
        } catch (error) {
          if (tool === undefined && isFull(error) && lanes > 1) {
            left.unshift(next);
            return count.refused();
          }
          if (!isLost(error) || next.attempt === attempts) throw error;
          if (tool !== undefined) await close(tool);
          tool = undefined;
          left.unshift({ ...next, attempt: next.attempt + 1 });
        }
      }
    } finally {
      lanes -= 1;
      if (tool !== undefined) await close(tool);
    }
  };
  const begin = (): void => {
    const going = lane()
      .catch((error: unknown) => stop.now(error))
      .finally(() => running.delete(going));
    running.add(going);
  };

  let before = { working: 0, at: 0, done: 0 };
  const look = (): void => {
    const now = { working, at: performance.now(), done: done() };
    // What was begun or ended in between says nothing of how fast so many are.
    if (left.length > 0 && before.working === working && working === count.lanes)
      count.measured((now.done - before.done) / (now.at - before.at), probe());
    before = now;
    while (!stop.signal.aborted && lanes < count.lanes && left.length > 0) begin();
  };
  look();
  const looking = setInterval(look, lookMillis);
  try {
    while (running.size > 0) await Promise.all(running);
  } finally {
    clearInterval(looking);
  }
  stop.signal.throwIfAborted();
}

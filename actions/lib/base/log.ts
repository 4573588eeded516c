/**
 * What the core needs of the outside to be watched: lines, groups and progress. The edges choose the form (a terminal
 * that is redrawn, sparse lines in Actions, nothing in tests); the core never prints by itself.
 */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  debug(line: string): void;
  /** Lines printed while `work` runs belong together under `title`. */
  group<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** A quantity that moves. `total` undefined when it cannot be known. */
  track(name: string, total: Quantity | undefined): Track;
}

/** Bytes and items done or expected; either may be 0 when it does not apply. */
export interface Quantity {
  readonly bytes: number;
  readonly items: number;
}

/** One moving quantity: the whole backup, one table, one artifact. */
export interface Track {
  advance(delta: Partial<Quantity>): void;
  /** What is going on in it right now, e.g. `public.exams`. */
  note(text: string): void;
  end(outcome: "done" | "failed"): void;
}

const silentTrack: Track = { advance() {}, note() {}, end() {} };

/** A log that says nothing, for callers that have no reader. */
export const silentLog: Log = {
  info() {},
  warn() {},
  debug() {},
  group: (_title, work) => work(),
  track: () => silentTrack,
};

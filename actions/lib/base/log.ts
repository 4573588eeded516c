import { formatBytes, formatDuration } from "./measures.ts";

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

/** Rates are of the last ten seconds: what is happening, not what happened. */
const WINDOW = 10_000;
/** An estimate is made once so much has been seen of it; before, it would be a guess. */
const EARLIEST_ESTIMATE = 3_000;

interface TrackEvents {
  readonly changed: () => void;
  readonly ended: (track: MovingTrack, outcome: "done" | "failed") => void;
}

/** One quantity that moves, with its rate. Times are milliseconds of a clock that the caller reads. */
export class MovingTrack implements Track {
  readonly name: string;
  readonly total: Quantity | undefined;
  readonly #clock: () => number;
  readonly #events: TrackEvents;
  readonly #started: number;
  #done: Quantity = { bytes: 0, items: 0 };
  #note = "";
  #samples: { readonly at: number; readonly bytes: number }[];

  constructor(name: string, total: Quantity | undefined, clock: () => number, events: TrackEvents) {
    this.name = name;
    this.total = total;
    this.#clock = clock;
    this.#events = events;
    this.#started = clock();
    this.#samples = [{ at: this.#started, bytes: 0 }];
  }

  advance(delta: Partial<Quantity>): void {
    this.#done = {
      bytes: this.#done.bytes + (delta.bytes ?? 0),
      items: this.#done.items + (delta.items ?? 0),
    };
    const now = this.#clock();
    const last = this.#samples.at(-1);
    // Four samples a second are enough for a rate, however often we are called.
    if (last === undefined || now - last.at >= 250) this.#samples.push({ at: now, bytes: this.#done.bytes });
    while ((this.#samples[1]?.at ?? now) < now - WINDOW) this.#samples.shift();
    this.#events.changed();
  }

  note(text: string): void {
    this.#note = text;
    this.#events.changed();
  }

  end(outcome: "done" | "failed"): void {
    this.#events.ended(this, outcome);
  }

  get elapsed(): number {
    return this.#clock() - this.#started;
  }

  /** Bytes per second over the last seconds; undefined until there is something to go by. */
  get rate(): number | undefined {
    const first = this.#samples[0];
    const seconds = (this.#clock() - (first?.at ?? 0)) / 1000;
    return first === undefined || seconds < 0.5 ? undefined : (this.#done.bytes - first.bytes) / seconds;
  }

  /** Milliseconds that are left at the present rate; undefined where that can't be said honestly. */
  get remaining(): number | undefined {
    const left = (this.total?.bytes ?? 0) - this.#done.bytes;
    if (this.total === undefined || left <= 0 || this.elapsed < EARLIEST_ESTIMATE) return undefined;
    const { rate } = this;
    return rate === undefined || rate < 1 ? undefined : (left / rate) * 1000;
  }

  /** E.g. `data/01-public.exams  12.3 MB of about 40 MB  8.1 MB/s  about 4 s left  public.exams`. */
  describe(): string {
    const { total, rate, remaining } = this;
    const parts = [this.name];
    const { bytes, items } = this.#done;
    if (bytes > 0 || (total?.bytes ?? 0) > 0) {
      // A total is known from disk sizes or the last set: what comes may be more.
      parts.push(
        (total?.bytes ?? 0) > bytes
          ? `${formatBytes(bytes)} of about ${formatBytes(total?.bytes ?? 0)}`
          : formatBytes(bytes),
      );
    }
    if ((total?.items ?? 0) > 0 || items > 0)
      parts.push(total === undefined ? `${items}` : `${items} of ${total.items}`);
    if (bytes > 0 && rate !== undefined) parts.push(`${formatBytes(rate)}/s`);
    if (remaining !== undefined) parts.push(`about ${formatDuration(remaining)} left`);
    if (this.#note !== "") parts.push(this.#note);
    return parts.join("  ");
  }

  /** What it came to, e.g. `data/01-public.exams  40.1 MB in 5.2 s`. */
  summarize(): string {
    const { bytes, items } = this.#done;
    const amount = bytes > 0 ? `  ${formatBytes(bytes)}` : items > 0 ? `  ${items}` : "";
    return `${this.name}${amount} in ${formatDuration(this.elapsed)}`;
  }
}

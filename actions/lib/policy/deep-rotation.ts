import { createHash } from "node:crypto";

/** Whatever can be opened and hashed: packs, large files, shards. */
interface Readable {
  readonly key: string;
  /** As stored. */
  readonly bytes: number;
}

/** How far the reading of the whole vault has come. */
export interface Rotation {
  /** Place of the last object that was read, see `placeOf`. */
  readonly place: string;
  /** When that was, ISO 8601. */
  readonly readAt: string;
  /** When the round began that reads everything once, ISO 8601. */
  readonly roundBegan: string;
  /** How long the last whole round took, in days; null before the first was done. */
  readonly lastRoundDays: number | null;
}

export interface DeepReads<Item extends Readable> {
  readonly read: readonly Item[];
  /** Share of all bytes, 0 to 1. */
  readonly share: number;
  /** What to remember when all of them have been read. */
  readonly next: Rotation;
  /** Days since the round began: more than `quarterDays` breaks the promise. */
  readonly roundDays: number;
}

/** Within so many days everything is read once. */
export const quarterDays = 91;
/** Without a stated share a round takes so many days: runs may fail for a month, and the promise still holds. */
const pacedDays = 60;
const firstShare = 0.03;

/**
 * Which objects a deep verification opens this time: the next ones of a fixed, shuffled order, so that none is read twice
 * before all the others have been. Without a stated share it reads as much as the time since the last run asks for:
 * whatever the schedule, and however many runs were missed, everything is read within a quarter.
 *
 * @param share of all bytes, above 0, at most 1
 */
export function planDeepReads<Item extends Readable>(
  objects: readonly Item[],
  last: Rotation | undefined,
  now: Date,
  share?: number,
): DeepReads<Item> {
  const ordered = objects
    .map((object) => ({ object, place: placeOf(object.key) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const total = objects.reduce((sum, { bytes }) => sum + bytes, 0);
  const wanted = Math.min(1, share ?? paced(last, now)) * total;
  const from = ordered.findIndex(({ place }) => last !== undefined && place > last.place);
  const turned = last !== undefined && from === -1;
  const start = Math.max(0, from);
  let bytes = 0;
  let taken = 0;
  while (taken < ordered.length && (bytes < wanted || taken === 0)) {
    bytes += ordered[(start + taken) % ordered.length]?.object.bytes ?? 0;
    taken++;
  }
  const read = Array.from({ length: taken }, (_, step) => ordered[(start + step) % ordered.length]).filter(
    (one) => one !== undefined,
  );
  const roundDays = last === undefined ? 0 : days(last.roundBegan, now);
  // The order's end was reached: what comes after it belongs to a new round.
  const ends = turned || start + taken >= ordered.length;
  const next: Rotation = {
    place: read.at(-1)?.place ?? last?.place ?? "",
    readAt: now.toISOString(),
    roundBegan: ends || last === undefined ? now.toISOString() : last.roundBegan,
    lastRoundDays: ends ? roundDays : (last?.lastRoundDays ?? null),
  };
  return { read: read.map(({ object }) => object), share: total === 0 ? 1 : bytes / total, next, roundDays };
}

/** Where in the order an object is: nothing that is known of it, such as its age, makes it likely to be read early or late. */
function placeOf(key: string): string {
  return createHash("sha256").update(`lifeboat-deep/1\n${key}`).digest("hex").slice(0, 16);
}

function paced(last: Rotation | undefined, now: Date): number {
  return last === undefined ? firstShare : Math.max(0.001, days(last.readAt, now) / pacedDays);
}

function days(from: string, to: Date): number {
  return Math.max(0, (to.getTime() - Date.parse(from)) / 86_400_000);
}

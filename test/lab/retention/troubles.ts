import { Oracle } from "./oracle.ts";
import { type Code, retain } from "./retention-run.ts";
import { goodSets, type Making, type ModelSet, make, newWorld, type Rules, type World } from "./world.ts";

/** Something that happens to people, in a vault of thirty daily sets. */
export interface Trouble {
  readonly name: string;
  /** How many days it lasts. */
  readonly days: number;
  /** What is so on each of its days, before the day's backup. @returns what the backup comes to; null: there is none */
  readonly each?: ((world: World, day: number) => Making | null) | undefined;
}

/** What is left at its end. */
export interface Left {
  /** Sets that can be restored, made before it or by us, and that nobody has poisoned. */
  readonly good: number;
  /** Days since the data of the newest of them was read; null: there is none. */
  readonly age: number | null;
}

export const thirtyDays: Rules = {
  terms: { daily: 30, weekly: 84, monthly: 2557 },
  ...{ keepNewest: 3, staleDays: 7, staleProofDays: 45, locks: false, keysLockDays: 0, paidDays: 0, objects: 1 },
};

const forDays =
  (days: number, terms: number): Trouble["each"] =>
  (world, day) => {
    world.terms = { ...world.terms, daily: day < days ? terms : 30 };
    return {};
  };

export const troubles: readonly Trouble[] = [
  { name: "nothing goes wrong for 100 days", days: 100 },
  { name: "no backup for 100 days, unnoticed", days: 100, each: () => null },
  { name: "100 days of sets that nobody could restore", days: 100, each: () => ({ verified: false }) },
  {
    name: "a stranger stops the backups, and lays a newer set beside each of the last 3,000 days",
    days: 8,
    each: layJunk,
  },
  {
    name: "the clock is a year ahead for a week",
    days: 14,
    each: (world, day) => {
      world.skew = day < 7 ? 365 : 0;
      return {};
    },
  },
  { name: "the policy says one day instead of thirty, from Friday to Monday", days: 7, each: forDays(3, 1) },
  {
    name: "an intruder poisons the data; it is noticed after 3 days, over after 60",
    days: 60,
    each: (world, day) => {
      world.incident = day >= 3;
      return day < 3 ? { verified: false } : {};
    },
  },
];

/** Named like ours, and newer than ours on each day. */
function layJunk(world: World, day: number): null {
  if (day !== 1) return null;
  for (let back = 0; back < 3000; back++) {
    const junk = make(world, "daily", { trusted: false });
    world.sets[world.sets.length - 1] = { ...junk, at: world.now - back + 0.9, readAt: world.now - back + 0.9 };
  }
  return null;
}

/**
 * A vault of daily sets that has gone well for 400 days, then lives through a trouble. Every day brings a backup, every 30 days a
 * restore test; retention runs twice a week.
 */
export async function live({ days, each = () => ({}) }: Trouble, code: Code): Promise<Left> {
  const world = newWorld(thirtyDays);
  const oracle = new Oracle();
  for (let day = -400; day < days; day++, world.now++) {
    const making = day < 0 ? {} : each(world, day);
    const made = making && make(world, "daily", making);
    if (made?.verified && day % 30 === 0) prove(world, made);
    if (day % 7 === 2 || day % 7 === -5 || day % 7 === 5 || day % 7 === -2) await retain(world, code, oracle);
  }
  const good = goodSets(world).filter(({ trusted }) => trusted);
  const newest = good.reduce((most, { readAt }) => Math.max(most, readAt), Number.NEGATIVE_INFINITY);
  return { good: good.length, age: good.length === 0 ? null : world.now - 1 - newest };
}

function prove(world: World, set: ModelSet): void {
  set.provenAt = world.now;
  world.lastProof = { at: world.now, proven: true, set: set.name };
}

import type { Cron } from "../../../actions/lib/policy/schedule.ts";
import { between, randomFrom } from "../random.ts";

const minute = 60_000;
const day = 86_400_000;

/** Minutes that eight scheduled runs in a row came late (netcanon#419). */
const seen = [189, 198, 210, 263, 288, 357, 375, 761];
/** Workflows of one night are late by the same hours and some minutes (aprender#3292). */
const spread = 20;
/** GitHub starts some not at all ("Events that trigger workflows", schedule). Of the 33 whose times were published, none was. */
const dropped = 0.03;

/** When GitHub starts what a schedule asks for. */
export interface Lateness {
  /** @returns starts, ascending, in ms since 1970 */
  starts(crons: readonly Cron[], from: number, until: number): number[];
}

/**
 * GitHub's lateness as it was measured: 189 to 761 minutes, nearer to the lower end; it changes from day to day, and all workflows of a
 * repository share it. Three in a hundred are dropped.
 */
export function lateness(seed: number): Lateness {
  const random = randomFrom(seed);
  const days = new Map<number, number>();
  const ofDay = (index: number): number => {
    // Each day draws from its own numbers: who asks first changes nothing.
    const known = days.get(index) ?? drawn(randomFrom(seed * 7919 + index)());
    days.set(index, known);
    return known;
  };
  const lag = (at: number): number => {
    const index = Math.floor(at / day);
    const share = at / day - index;
    const level = ofDay(index) * (1 - share) + ofDay(index + 1) * share;
    return Math.min(761, Math.max(189, level + between(random, -spread, spread)));
  };
  return {
    starts: (crons, from, until) =>
      attempts(crons, from, until)
        .filter(() => random() >= dropped)
        .map((at) => at + lag(at) * minute)
        .sort((a, b) => a - b),
  };
}

/** Between two of the values that were seen. */
function drawn(share: number): number {
  const at = share * (seen.length - 1);
  const [low = 189, high = low] = seen.slice(Math.floor(at), Math.floor(at) + 2);
  return low + (high - low) * (at - Math.floor(at));
}

function attempts(crons: readonly Cron[], from: number, until: number): number[] {
  const all: number[] = [];
  for (let midnight = Math.floor(from / day) * day; midnight < until; midnight += day) {
    const date = new Date(midnight);
    const [month, of, weekday] = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay()];
    for (const cron of crons) {
      if (cron.runsOn(month, of, weekday)) all.push(...cron.minutes.map((past) => midnight + past * minute));
    }
  }
  return all.filter((at) => at >= from && at < until);
}

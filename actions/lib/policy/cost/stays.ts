import type { Tier } from "../../vault/format/manifest.ts";
import type { CostFacts, SetShape } from "./facts.ts";

/** Days of a month, on average. */
export const monthDays = 365.25 / 12;

/** Sets that were made alike in one month. */
interface Cohort {
  readonly tier: Tier;
  /** When each was made, in days from now; negative: it is there already. */
  readonly births: readonly number[];
  readonly shape: SetShape;
}

/** What of the sets lies in the vault during one month, on average, and what happens to them in it. */
export interface SetsOfMonth {
  /** Byte-months. */
  readonly standardBytes: number;
  readonly coldBytes: number;
  /** Objects in the archive's class, on average. */
  readonly coldObjects: number;
  /** Objects that move there in the month. */
  readonly transitions: number;
  /** Byte-months that are paid for although the set is gone: the class's least stay. */
  readonly paidUnusedBytes: number;
  readonly made: Readonly<Record<Tier, number>>;
  readonly kept: Readonly<Record<Tier, number>>;
  /** One set of each tier, as it is then. */
  readonly shapes: Readonly<Record<Tier, SetShape>>;
}

export interface StayRules {
  /** Days that a set of each tier is kept; for the replica longer. */
  readonly terms: Readonly<Record<Tier, number>>;
  /** Sets made in a month, each tier; an earlier month may have had other ones. */
  made(tier: Tier, month: number): number;
  /** Days in Standard before an archive moves; null: it never does. */
  readonly coldAfter: number | null;
  /** Days that are paid for in the archive's class. */
  readonly coldLeast: number;
}

const tiers = ["daily", "weekly", "monthly"] as const;

/** Retention runs twice a week: what may go stays for half of the time between two runs. */
const untilRemoved = 1.75;

/**
 * What lies there in each of the months from now on, from sets that are made evenly and stay for their term. Pure.
 * @param months how many
 */
export function setsByMonth(facts: CostFacts, rules: StayRules, months: number): SetsOfMonth[] {
  const shapes = (month: number) => shapesAt(facts, month);
  const cohorts: Cohort[] = tiers.map((tier) => ({
    ...{ tier, shape: shapes(0)[tier] },
    births: facts.present.flatMap((one) => (one.tier === tier ? [-one.age] : [])),
  }));
  for (let month = 0; month < months; month++)
    for (const tier of tiers)
      cohorts.push({ tier, births: spread(rules.made(tier, month), month), shape: shapes(month)[tier] });
  return Array.from({ length: months }, (_, month) => {
    const [from, until] = [month * monthDays, (month + 1) * monthDays];
    const sum = { standardBytes: 0, coldBytes: 0, coldObjects: 0, transitions: 0, paidUnusedBytes: 0 };
    const made = { daily: 0, weekly: 0, monthly: 0 };
    const kept = { daily: 0, weekly: 0, monthly: 0 };
    for (const { tier, births, shape } of cohorts) {
      const weight = births.length === 0 ? 0 : weightOf(tier, rules, births, month);
      for (const born of births) {
        const gone = born + rules.terms[tier] + untilRemoved;
        const here = share(born, gone, from, until);
        kept[tier] += here * weight;
        if (born >= from && born < until) made[tier] += weight;
        const cold = tier === "monthly" && rules.coldAfter !== null ? born + rules.coldAfter : gone;
        const frozen = share(cold, gone, from, until);
        sum.standardBytes +=
          weight * (here * (shape.storedBytes - shape.coldBytes) + (here - frozen) * shape.coldBytes);
        sum.coldBytes += weight * frozen * shape.coldBytes;
        sum.coldObjects += weight * frozen * shape.coldObjects;
        if (cold < gone && cold >= from && cold < until) sum.transitions += weight * shape.coldObjects;
        if (cold < gone)
          sum.paidUnusedBytes += weight * share(gone, cold + rules.coldLeast, from, until) * shape.coldBytes;
      }
    }
    return { ...sum, made, kept, shapes: shapes(month) };
  });
}

/** Sets of a month in which a fraction of one is made weigh so much less. */
function weightOf(tier: Tier, rules: StayRules, births: readonly number[], _month: number): number {
  const first = births[0] ?? 0;
  if (first < 0) return 1;
  return rules.made(tier, Math.floor(first / monthDays)) / births.length;
}

/** As many moments as sets, evenly, in the middle of their parts of the month. */
function spread(made: number, month: number): number[] {
  const count = Math.ceil(made - 1e-9);
  return Array.from({ length: count }, (_, index) => (month + (index + 0.5) / count) * monthDays);
}

/** Which share of the month from `from` to `until` lies between two moments. */
function share(begin: number, end: number, from: number, until: number): number {
  return Math.max(0, Math.min(end, until) - Math.max(begin, from)) / (until - from);
}

/** The sets as they are after so many months of growth. */
function shapesAt({ sets, growthBytes }: CostFacts, month: number): Record<Tier, SetShape> {
  const now = Math.max(1, sets.daily.plainBytes);
  const factor = Math.max(0, (now + growthBytes * (month + 0.5)) / now);
  const grown = (shape: SetShape): SetShape => {
    const more = Math.max(0, shape.parts * factor - shape.parts);
    return {
      ...shape,
      plainBytes: shape.plainBytes * factor,
      storedBytes: shape.storedBytes * factor,
      coldBytes: shape.coldBytes * factor,
      parts: shape.parts + more,
      uploads: shape.uploads + more,
    };
  };
  return { daily: grown(sets.daily), weekly: grown(sets.weekly), monthly: grown(sets.monthly) };
}

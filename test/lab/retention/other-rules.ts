import type { Decision, RetentionFacts, RetentionPlan } from "../../../actions/lib/policy/retention.ts";
import type { Terms } from "../../../actions/lib/policy/terms.ts";
import { type Tier, tierSchema } from "../../../actions/lib/vault/format/manifest.ts";
import { type Code, realCode } from "./retention-run.ts";
import { timeOf, type World } from "./world.ts";

const day = 86_400_000;

/** What such a rule sees of a set: that it is there, and when it says it was made. */
interface Seen {
  readonly set: string;
  readonly tier: Tier;
  readonly at: number;
  readonly storedAt: number;
}

/** Which ones stay. */
type Rule = (seen: readonly Seen[], facts: RetentionFacts, world: World) => ReadonlySet<string>;

/**
 * How others decide what stays: small models of what they do by default, each over the same sets. None of them asks whether a
 * set is whole, who made it or whether something is wrong; what exists counts.
 */
export const otherRules: Readonly<Record<string, Code>> = {
  "restic forget --keep-daily --keep-weekly --keep-monthly": codeOf(buckets),
  "restic forget --keep-within-daily, -weekly, -monthly": codeOf(within),
  "the newest so many of each tier": codeOf((seen, { terms }) => {
    const most = { daily: terms.daily, weekly: terms.weekly / 7, monthly: terms.monthly / 30 };
    const stays = tierSchema.options.flatMap((tier) =>
      newestFirst(seen.filter((one) => one.tier === tier)).slice(0, most[tier]),
    );
    return namesOf(stays);
  }),
  "a time to live for each set": codeOf((seen, { terms, now }) =>
    namesOf(seen.filter(({ tier, at }) => now - at < terms[tier] * day)),
  ),
  "an S3 lifecycle rule that expires": codeOf((seen, { terms }, world) =>
    namesOf(seen.filter(({ tier, storedAt }) => timeOf(world, world.now) - storedAt < terms[tier] * day)),
  ),
};

function codeOf(rule: Rule): Code {
  return {
    plan: (facts, world) => planBy(rule, facts, world),
    // What the policy says counts at once.
    terms: (policy) => ({ terms: policy, pending: [] }),
    // Nobody is asked before a removal.
    loop: (going, steps) => realCode.loop(going, { ...steps, gate: async () => null }),
  };
}

function planBy(rule: Rule, facts: RetentionFacts, world: World): RetentionPlan {
  const tiers = new Map(world.sets.map(({ name, tier }) => [name, tier]));
  const seen = facts.subjects.map(
    ({ set, at, storedAt }): Seen => ({ set, tier: tiers.get(set) ?? "daily", at, storedAt: storedAt ?? at }),
  );
  const stays = rule(seen, facts, world);
  const decisions = seen.map(
    ({ set, tier, at }): Decision => ({
      ...{ set, tier, keep: stays.has(set), why: "the rule says so", beyond: null },
      until: at + facts.terms[tier] * day,
    }),
  );
  return { decisions, heldBack: null };
}

/** Calendar's days, ISO weeks and months, and how many days of each are kept. */
function kindsOf({
  daily,
  weekly,
  monthly,
}: Terms): { readonly days: number; readonly most: number; of(at: number): number }[] {
  return [
    { days: daily, most: daily, of: (at) => Math.floor(at / day) },
    { days: weekly, most: Math.ceil(weekly / 7), of: isoWeek },
    { days: monthly, most: Math.ceil(monthly / 30.44), of: month },
  ];
}

/**
 * restic's `ApplyPolicy`: newest first; the first of each bucket stays until so many buckets are full; the oldest of all stays
 * where one has room left. Sets of the future fill buckets like others.
 */
function buckets(seen: readonly Seen[], { terms }: RetentionFacts): Set<string> {
  const order = newestFirst(seen);
  const stays = new Set<string>();
  for (const { most, of } of kindsOf(terms)) {
    let left = most;
    let last: number | null = null;
    for (const [index, { set, at }] of order.entries()) {
      const bucket = of(at);
      if (left === 0 || (bucket === last && index < order.length - 1)) continue;
      stays.add(set);
      last = bucket;
      left--;
    }
  }
  return stays;
}

/** The same within a time that counts from the newest set that is not of the future. */
function within(seen: readonly Seen[], { terms, now }: RetentionFacts): Set<string> {
  const order = newestFirst(seen);
  const latest = order.find(({ at }) => at < now)?.at ?? 0;
  const stays = new Set<string>();
  for (const { days, of } of kindsOf(terms)) {
    let last: number | null = null;
    for (const [index, { set, at }] of order.entries()) {
      const bucket = of(at);
      if (at <= latest - days * day || (bucket === last && index < order.length - 1)) continue;
      stays.add(set);
      last = bucket;
    }
  }
  return stays;
}

function isoWeek(at: number): number {
  // Day 0 of 1970 was a Thursday.
  return Math.floor((Math.floor(at / day) + 3) / 7);
}

function month(at: number): number {
  const date = new Date(at);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

function newestFirst(seen: readonly Seen[]): Seen[] {
  return seen.toSorted((a, b) => b.at - a.at || (a.set < b.set ? 1 : -1));
}

function namesOf(seen: readonly Seen[]): Set<string> {
  return new Set(seen.map(({ set }) => set));
}

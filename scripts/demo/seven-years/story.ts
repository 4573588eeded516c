import type { Policy } from "../../../actions/lib/config/policy/policy.ts";
import type { Decision, RetentionPlan } from "../../../actions/lib/policy/retention.ts";
import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import { Oracle, type Violation } from "../../../test/lab/retention/oracle.ts";
import { factsOf, realCode, retain } from "../../../test/lab/retention/retention-run.ts";
import { type ModelSet, make, newWorld, type Rules, timeOf, type World } from "../../../test/lab/retention/world.ts";

/** Seven years with their leap days: as long as a monthly set is kept. */
export const storyDays = 2557;
/** The last days without a run of retention: the next one has work to do. */
export const lastRunBefore = 10;

/** Something that happened, and how long it lasted; days of the story. */
export interface Happening {
  readonly from: number;
  /** The day after its last one. */
  readonly to: number;
  readonly what: string;
  /** What retention made of it. */
  readonly so: string;
}

/** One set of the seven years. */
export interface StorySet {
  readonly set: ModelSet;
  readonly tier: Tier;
  readonly made: number;
  /** When retention removed it; null: it is there. */
  gone: number | null;
  /** Why it stays, or went. */
  why: Pick<Decision, "why" | "beyond" | "keep">;
}

export interface Story {
  readonly world: World;
  readonly sets: readonly StorySet[];
  readonly happenings: readonly Happening[];
  /** Names of sets that somebody held at some time. */
  readonly held: ReadonlySet<string>;
  /** How many sets of each tier were there at the end of each tenth day. */
  readonly counts: readonly {
    readonly day: number;
    readonly daily: number;
    readonly weekly: number;
    readonly monthly: number;
  }[];
  readonly runs: number;
  /** What retention plans on the last day. */
  readonly plan: RetentionPlan;
  /** Promises that the oracle saw broken: none. */
  readonly broken: readonly Violation[];
}

/** What happens, by its place in the seven years. */
const script = {
  junk: {
    ...{ from: 210, to: 213, what: "A stranger lays 36 sets into the bucket" },
    so: "Nobody signed them: they fill no place and push nothing out. They are not ours to remove.",
  },
  backupsFail: {
    ...{ from: 520, to: 541, what: "Backups fail for three weeks" },
    so: "After seven days nothing is removed any more, until a verified set is there again.",
  },
  hold: {
    ...{ from: 800, to: 1880, what: "A lawsuit holds one daily set for three years" },
    so: "It stays until it is released, and goes with the next run.",
  },
  incident: {
    ...{ from: 1190, to: 1203, what: "An incident" },
    so: "Nothing is removed. What is made meanwhile is marked, and never counts as a good set.",
  },
  shortened: {
    ...{ from: 1520, to: 1522, what: "The policy says 3 days instead of 30, by mistake" },
    so: "A shorter term has to be announced for three days. It is put back after two: nothing went.",
  },
  clock: {
    ...{ from: 1700, to: 1701, what: "A clock is a year ahead, for one set" },
    so: "The store knows when it had the set. It stays until its own date and its term are over.",
  },
  proofsFail: {
    ...{ from: 1935, to: 2030, what: "Restore tests fail for three months" },
    so: "From the first one that fails on nothing is removed, until one passes.",
  },
  appeal: {
    ...{ from: 2150, to: storyDays + 1, what: "An appeal against an exam holds one weekly set" },
    so: "It is there today, long after its term.",
  },
  unread: {
    ...{ from: 2380, to: 2384, what: "Four sets could not be read again" },
    so: "They go when their term is over, and are never the newest good ones.",
  },
} as const satisfies Record<string, Happening>;

const junkANight = 12;

/** @param end its last day, ms since 1970 @param policy terms and bounds */
export async function tellStory(end: number, policy: Pick<Policy, "tiers" | "retention">): Promise<Story> {
  const world = newWorld(rulesOf(policy), end - storyDays * 86_400_000);
  const oracle = new Oracle();
  const sets = new Map<string, StorySet>();
  const held = new Set<string>();
  const counts: Story["counts"][number][] = [];
  let runs = 0;
  const note = ({ decisions }: RetentionPlan): void => {
    for (const { set, ...why } of decisions) {
      const known = sets.get(set);
      if (known !== undefined) known.why = why;
    }
  };
  const watcher = {
    removing(_: World, one: ModelSet, where: "vault" | "replica" | "rest"): void {
      oracle.removing(world, one, where);
      const known = sets.get(one.name);
      if (known !== undefined && where === "vault") known.gone = world.now;
    },
  };
  for (; world.now <= storyDays; world.now++) {
    liveADay(world, (set) => {
      sets.set(set.name, {
        set,
        tier: set.tier,
        made: world.now,
        gone: null,
        why: { keep: true, why: "", beyond: null },
      });
    });
    for (const one of world.sets) if (one.held) held.add(one.name);
    const weekday = new Date(timeOf(world, world.now)).getUTCDay();
    if ((weekday === 1 || weekday === 4) && world.now <= storyDays - lastRunBefore) {
      const run = await retain(world, realCode, watcher);
      if (run.done?.stopped === null) oracle.ended(world, run.plan);
      note(run.plan);
      runs++;
    }
    if (world.now % 10 === 0) counts.push({ day: world.now, ...countOf(world) });
  }
  world.now = storyDays;
  const plan = realCode.plan(factsOf(world, realCode), world);
  note(plan);
  return {
    ...{ world, held },
    sets: [...sets.values()],
    happenings: Object.values(script),
    counts,
    runs,
    plan,
    broken: oracle.violations,
  };
}

function rulesOf({ tiers, retention }: Pick<Policy, "tiers" | "retention">): Rules {
  const terms = {
    daily: tiers.daily.retentionDays,
    weekly: tiers.weekly.retentionDays,
    monthly: tiers.monthly.retentionDays,
  };
  const { keepNewest, staleDays, staleProofDays } = retention;
  return { terms, keepNewest, staleDays, staleProofDays, locks: false, keysLockDays: 0, paidDays: 0, objects: 2 };
}

/** A daily set, a weekly one on Sundays, the month's on its first Sunday, a restore test on the 15th, and what the script says. */
function liveADay(world: World, made: (set: ModelSet) => void): void {
  const { now } = world;
  const date = new Date(timeOf(world, now));
  const during = (name: keyof typeof script): boolean => now >= script[name].from && now < script[name].to;
  world.incident = during("incident");
  world.terms = during("shortened") ? { ...world.rules.terms, daily: 3 } : world.rules.terms;
  world.skew = during("clock") ? 365 : 0;
  const sunday = date.getUTCDay() === 0;
  const tiers: Tier[] = [
    "daily",
    ...(sunday ? (["weekly"] as const) : []),
    ...(sunday && date.getUTCDate() <= 7 ? (["monthly"] as const) : []),
  ];
  for (const tier of tiers) {
    if (during("backupsFail")) continue;
    made(make(world, tier, { verified: !during("unread") }));
  }
  world.skew = 0;
  const laid = during("junk") ? junkANight : 0;
  for (let index = 0; index < laid; index++) made(make(world, "daily", { trusted: false }));
  if (date.getUTCDate() === 15) test(world, date.getUTCMonth(), !during("proofsFail"));
  holdDuring(world, script.hold, "daily");
  holdDuring(world, script.appeal, "weekly");
}

/** As the policy has it: the newest, an older one, the newest again, an archive. */
function test(world: World, month: number, passes: boolean): void {
  const good = world.sets.filter(
    ({ manifest, trusted, marked, at }) => manifest && trusted && !marked && at <= world.now,
  );
  const archives = good.filter(({ tier }) => tier === "monthly");
  const older = good.filter(({ tier }) => tier === "weekly");
  const set = (month % 4 === 3 ? archives.at(-2) : month % 4 === 1 ? older.at(-2) : undefined) ?? good.at(-1);
  if (set === undefined) return;
  if (passes) set.provenAt = world.now;
  world.lastProof = { at: world.now, proven: passes, set: set.name };
}

/** The newest set of a tier on its first day, until its last. */
function holdDuring(world: World, { from, to }: Happening, tier: Tier): void {
  if (world.now === from) {
    const set = world.sets.findLast((one) => one.tier === tier && one.manifest && one.trusted && one.verified);
    if (set !== undefined) set.held = true;
    world.holds++;
  }
  if (world.now === to) for (const set of world.sets) if (set.tier === tier) set.held = false;
}

function countOf({ sets }: World): Record<Tier, number> {
  const of = (tier: Tier): number => sets.filter((one) => one.manifest && one.trusted && one.tier === tier).length;
  return { daily: of("daily"), weekly: of("weekly"), monthly: of("monthly") };
}

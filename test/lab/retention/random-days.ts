import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import { randomFrom } from "../random.ts";
import { Oracle, type Violation } from "./oracle.ts";
import { type Code, type Disturbance, realCode, retain, retainReplica } from "./retention-run.ts";
import { type ModelSet, make, newWorld, type Rules, replicate, type World } from "./world.ts";

/** As the default policy has it: terms, locks for as long, keys locked for 90 days, 90 days of Glacier paid for. */
export const ordinaryRules: Rules = {
  terms: { daily: 30, weekly: 84, monthly: 2557 },
  ...{ keepNewest: 3, staleDays: 7, staleProofDays: 45, locks: true, keysLockDays: 90, paidDays: 90, objects: 3 },
};

export interface Simulated {
  readonly days: number;
  readonly made: number;
  readonly runs: number;
  readonly removals: number;
  /** Most sets that were there at once. */
  readonly most: number;
  readonly broken: readonly Violation[];
}

interface Living {
  readonly code: Code;
  readonly rules: Rules;
  /** Broken promises after which it ends. */
  readonly mostBroken: number;
}

/** Trouble that comes and goes by itself: how likely it is that it begins on a day, and that it ends. */
const spells = {
  backupsFail: [0.003, 0.2],
  proofsFail: [0.002, 0.05],
  junk: [0.002, 0.1],
  incident: [0.003, 0.1],
  lag: [0.004, 0.1],
  clock: [0.002, 0.2],
  refusing: [0.002, 0.2],
} as const;
type Trouble = keyof typeof spells;

/**
 * Lives through so many days with a vault: sets of every tier, restore tests, and all that may go wrong, at random. Retention
 * runs twice a week, in the replica once; now and then it is killed, or two run at once.
 */
export async function randomDays(
  seed: number,
  days: number,
  { code = realCode, rules = ordinaryRules, mostBroken = 5 }: Partial<Living> = {},
): Promise<Simulated> {
  const random = randomFrom(seed);
  // Of its own: whatever a rule keeps, the same days come.
  const disturbing = randomFrom(seed + 1);
  const chance = (share: number): boolean => random() < share;
  const world = newWorld(rules);
  const oracle = new Oracle();
  const trouble = new Set<Trouble>();
  let runs = 0;
  let most = 0;
  for (; world.now < days && oracle.violations.length < mostBroken; world.now++) {
    for (const [name, [begins, ends]] of Object.entries(spells) as [Trouble, readonly [number, number]][])
      if (trouble.has(name) ? chance(ends) : chance(begins)) toggle(trouble, name);
    world.incident = trouble.has("incident");
    world.refusing = trouble.has("refusing");
    world.replicating = !trouble.has("lag");
    if (!trouble.has("clock")) world.skew = 0;
    else if (world.skew === 0) world.skew = pick(random, [1, -1, 3, -3, 365, -365]);
    liveADay(world, trouble, random);
    most = Math.max(most, world.sets.length);
    if (world.now % 7 === 2 || world.now % 7 === 5) {
      const disturbance = disturbing() < 0.3 ? disturb(disturbing, code, oracle) : undefined;
      const run = await retain(world, code, oracle, disturbance);
      if (run.done?.stopped === null && disturbance === undefined && !world.refusing) oracle.ended(world, run.plan);
      runs++;
    }
    if (world.now % 7 === 6) await retainReplica(world, code, oracle);
  }
  return { days: world.now, made: world.made, runs, removals: oracle.removals, most, broken: oracle.violations };
}

function liveADay(world: World, trouble: ReadonlySet<Trouble>, random: () => number): void {
  const chance = (share: number): boolean => random() < share;
  const tiers: Tier[] = [
    "daily",
    ...(world.now % 7 === 6 ? (["weekly"] as const) : []),
    ...(world.now % 30 === 3 ? (["monthly"] as const) : []),
  ];
  for (const tier of tiers) {
    if (trouble.has("backupsFail") || chance(0.01)) make(world, tier, { manifest: false, verified: false });
    else if (!chance(0.02)) make(world, tier, { verified: !chance(0.05) });
  }
  if (trouble.has("junk")) make(world, pick(random, ["daily", "weekly", "monthly"]), { trusted: false });
  // Somebody clears away what nobody signed, sooner or later.
  if (chance(0.05)) world.sets = world.sets.filter(({ trusted }) => trusted);
  if (world.now % 30 === 10) test(world, trouble.has("proofsFail"), random);
  const there = world.sets.filter(({ manifest, trusted }) => manifest && trusted);
  const chosen = random();
  if (chance(0.005)) hold(world, there[Math.floor(chosen * there.length)]);
  if (chance(0.005)) for (const set of world.sets) set.held = false;
  // A set that was whole is damaged: its objects are gone, or were exchanged.
  const damaged = chance(0.003) ? there[there.length - 1 - Math.floor(random() ** 3 * there.length)] : undefined;
  if (damaged !== undefined) damaged.verified = false;
  if (chance(0.001))
    world.terms = { ...world.terms, [pick(random, ["daily", "weekly"])]: pick(random, [7, 14, 30, 60, 90]) };
  // Each backup extends the locks of the keys of what is kept.
  for (const set of there)
    if (set.keysLockedUntil < world.now + world.rules.keysLockDays / 2)
      set.keysLockedUntil = world.now + world.rules.keysLockDays;
  if (world.announced.length > 500) world.announced.splice(0, 250);
  replicate(world);
}

/** A restore test: mostly of the newest set, sometimes of an archive. */
function test(world: World, fails: boolean, random: () => number): void {
  const archive = random() < 0.25;
  const set = world.sets.findLast(
    (one) => one.manifest && one.trusted && !one.marked && (!archive || one.tier === "monthly"),
  );
  if (set === undefined) return;
  if (!fails) set.provenAt = world.now;
  world.lastProof = { at: world.now, proven: !fails, set: set.name };
}

function hold(world: World, set: ModelSet | undefined): void {
  if (set === undefined) return;
  set.held = true;
  world.holds++;
}

function disturb(random: () => number, code: Code, oracle: Oracle): Disturbance {
  const refuse = (refusing: boolean) => (world: World) => Object.assign(world, { refusing });
  const happenings: readonly [Disturbance["happen"], ...Disturbance["happen"][]] = [
    "crash",
    "lost answer",
    { before: (world) => retain(world, code, oracle) },
    {
      before: (world) =>
        hold(
          world,
          world.sets.find(({ manifest, held }) => manifest && !held),
        ),
    },
    { before: refuse(true), after: refuse(false) },
    { between: (world) => Object.assign(world, { incident: true }) },
  ];
  return { call: Math.floor(random() * 300), happen: pick(random, happenings) };
}

function toggle<Value>(set: Set<Value>, value: Value): void {
  if (!set.delete(value)) set.add(value);
}

function pick<Value>(random: () => number, values: readonly [Value, ...Value[]]): Value {
  return values[Math.floor(random() * values.length)] ?? values[0];
}

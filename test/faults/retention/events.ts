import type { Oracle } from "../../lab/retention/oracle.ts";
import { type Code, type Disturbance, retain, retainReplica } from "../../lab/retention/retention-run.ts";
import { type ModelSet, make, pass, type Rules, replicate, type World } from "../../lab/retention/world.ts";

/** Something that happens to a vault. */
export interface Event {
  readonly name: string;
  /** Whether it changes anything here. */
  readonly can?: (world: World) => boolean;
  readonly happen: (world: World, code: Code, oracle: Oracle) => void | Promise<void>;
}

/** Small enough that eight events reach over all of them. */
export const smallRules: Rules = {
  terms: { daily: 2, weekly: 3, monthly: 5 },
  ...{ keepNewest: 1, staleDays: 3, staleProofDays: 4, locks: false, keysLockDays: 0, paidDays: 0, objects: 1 },
};
const shorter = { ...smallRules.terms, daily: 1 };

const newest = (world: World, of: (one: ModelSet) => boolean): ModelSet | undefined =>
  world.sets
    .filter((one) => one.manifest && one.trusted && of(one))
    .sort((a, b) => b.at - a.at || (a.name < b.name ? 1 : -1))[0];

const proof = (name: string, of: (one: ModelSet) => boolean): Event => ({
  name,
  can: (world) => newest(world, of) !== undefined,
  happen: (world) => {
    const set = newest(world, of);
    if (set === undefined) return;
    set.provenAt = world.now;
    world.lastProof = { at: world.now, proven: true, set: set.name };
  },
});

const clock = (name: string, days: number): Event => ({
  name,
  can: ({ skew }) => skew === 0,
  happen: (world) => void Object.assign(world, { skew: days }),
});

export const everything: readonly Event[] = [
  { name: "backup", happen: (world) => void make(world, "daily") },
  { name: "archive", happen: (world) => void make(world, "monthly") },
  { name: "backup fails", happen: (world) => void make(world, "daily", { manifest: false, verified: false }) },
  { name: "backup nobody read again", happen: (world) => void make(world, "daily", { verified: false }) },
  { name: "junk", happen: (world) => void make(world, "daily", { trusted: false }) },
  proof("proof", (one) => !one.marked),
  proof("proof of the archive", (one) => !one.marked && one.tier === "monthly"),
  {
    name: "proof fails",
    can: (world) => newest(world, () => true) !== undefined,
    happen: (world) => {
      world.lastProof = { at: world.now, proven: false, set: newest(world, () => true)?.name ?? "" };
    },
  },
  {
    name: "newest is found damaged",
    can: (world) => newest(world, ({ verified }) => verified) !== undefined,
    happen: (world) => {
      const set = newest(world, ({ verified }) => verified);
      if (set !== undefined) set.verified = false;
    },
  },
  { name: "a day", happen: (world) => pass(world, 1) },
  { name: "a year", happen: (world) => pass(world, 365) },
  clock("clock a day ahead", 1),
  clock("clock a day behind", -1),
  clock("clock a year ahead", 365),
  clock("clock a year behind", -365),
  { name: "clock right", can: ({ skew }) => skew !== 0, happen: (world) => void Object.assign(world, { skew: 0 }) },
  {
    name: "hold",
    can: (world) => oldest(world) !== undefined,
    happen: (world) => hold(world),
  },
  {
    name: "release",
    can: (world) => world.sets.some(({ held }) => held),
    happen: (world) => {
      for (const set of world.sets) set.held = false;
    },
  },
  {
    name: "incident",
    can: ({ incident }) => !incident,
    happen: (world) => void Object.assign(world, { incident: true }),
  },
  {
    name: "incident ends",
    can: ({ incident }) => incident,
    happen: (world) => void Object.assign(world, { incident: false }),
  },
  {
    name: "shorter policy",
    can: ({ terms }) => terms.daily !== 1,
    happen: (world) => void Object.assign(world, { terms: shorter }),
  },
  {
    name: "longer policy",
    can: ({ terms }) => terms.daily === 1,
    happen: (world) => void Object.assign(world, { terms: smallRules.terms }),
  },
  {
    name: "replication lags",
    can: ({ replicating }) => replicating,
    happen: (world) => void Object.assign(world, { replicating: false }),
  },
  {
    name: "replication goes on",
    can: ({ replicating }) => !replicating,
    happen: (world) => {
      world.replicating = true;
      replicate(world);
    },
  },
];

export const replicaRun: Event = {
  name: "retention of the replica",
  happen: async (world, code, oracle) => void (await retainReplica(world, code, oracle)),
};

/** Somebody holds the oldest set that nobody holds. */
function oldest(world: World): ModelSet | undefined {
  return world.sets
    .filter((one) => one.manifest && one.trusted && !one.held)
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))[0];
}

function hold(world: World): void {
  const set = oldest(world);
  if (set === undefined) return;
  set.held = true;
  world.holds++;
}

const refuse =
  (refusing: boolean) =>
  (world: World): unknown =>
    Object.assign(world, { refusing });

/** What can come in the way of a run of retention at each of its requests. */
export function disturbances(
  requests: number,
  code: Code,
  oracle: Oracle,
): readonly (readonly [string, Disturbance])[] {
  return Array.from({ length: requests }, (_, call): (readonly [string, Disturbance])[] => [
    ["crash", { call, happen: "crash" }],
    ["lost answer", { call, happen: "lost answer" }],
    ["hold", { call, happen: { before: hold } }],
    ["another run", { call, happen: { before: (world) => retain(world, code, oracle) } }],
    ["a refusal", { call, happen: { before: refuse(true), after: refuse(false) } }],
    ["incident", { call, happen: { between: (world) => Object.assign(world, { incident: true }) } }],
  ]).flat();
}

import {
  type Going,
  type RemovalSteps,
  type RemovalsDone,
  runRemovals,
} from "../../../actions/lib/operations/retention/removal-loop.ts";
import {
  planRetention,
  type RetentionFacts,
  type RetentionPlan,
  type Subject,
} from "../../../actions/lib/policy/retention.ts";
import { termsInForce } from "../../../actions/lib/policy/terms.ts";
import { type ModelSet, timeOf, type World } from "./world.ts";

/** The code that is put to the test. Tests of the tests put something broken in its place. */
export interface Code {
  readonly plan: (facts: RetentionFacts, world: World) => RetentionPlan;
  readonly terms: typeof termsInForce;
  readonly loop: typeof runRemovals;
}

export const realCode: Code = { plan: planRetention, terms: termsInForce, loop: runRemovals };

/** Told of each removal just before it happens: of the set, by its manifest, or of what is left of one that is gone. */
export interface Watcher {
  removing(world: World, set: ModelSet, where: "vault" | "replica" | "rest"): void;
}

/** Something that happens in the middle of a run, at its nth request; lost answer: the request does its work all the same. */
export interface Disturbance {
  readonly call: number;
  readonly happen: "crash" | "lost answer" | Happenings;
}

export type Happening = (world: World) => unknown;

interface Happenings {
  readonly before?: Happening;
  readonly after?: Happening;
  /** Not between a gate's answer and the request that it let through: what is under way ends. */
  readonly between?: Happening;
}

export interface Run {
  readonly plan: RetentionPlan;
  /** Null where the run was killed. */
  readonly done: RemovalsDone | null;
  /** Requests that were made, the gate's included. */
  readonly calls: number;
}

/** One for all: whoever is killed a million times needs no traces. */
const killed = new Error("the run was killed");

/** A run of retention over a world: its real plan and its real loop, over a store that is only thought. */
export async function retain(world: World, code: Code, watcher: Watcher, disturbance?: Disturbance): Promise<Run> {
  const plan = code.plan(factsOf(world, code), world);
  const going = goingOf(plan);
  const holds = world.holds;
  const byName = new Map(world.sets.map((one) => [one.name, one]));
  let calls = 0;
  const call = async <Answer>(name: keyof RemovalSteps, answer: () => Answer): Promise<Answer> => {
    const here = calls++ === disturbance?.call ? disturbance.happen : undefined;
    if (here === "crash") throw killed;
    const around = typeof here === "object" ? here : {};
    await around.before?.(world);
    if (name === "gate") await around.between?.(world);
    const given = answer();
    if (here === "lost answer") throw killed;
    await around.after?.(world);
    if (name !== "gate") await around.between?.(world);
    return given;
  };
  const steps: RemovalSteps = {
    gate: () =>
      call("gate", () =>
        world.incident ? "an incident is on" : world.holds === holds ? null : "a hold was added meanwhile",
      ),
    leftovers: () =>
      call("leftovers", () =>
        world.sets.filter((one) => isLeftover(world, one)).map(({ name, tier }) => ({ set: name, tier })),
      ),
    removeManifest: ({ set }) => call("removeManifest", () => removeManifest(world, byName.get(set), watcher)),
    removeRest: ({ set }) => call("removeRest", () => removeRest(world, byName.get(set), watcher)),
  };
  try {
    const done = await code.loop(going, steps);
    forget(world);
    return { plan, done, calls };
  } catch (error) {
    if (error !== killed) throw error;
    forget(world);
    return { plan, done: null, calls };
  }
}

/** What retention knows of the vault: nothing of what is really true. */
export function factsOf(world: World, code: Code): RetentionFacts {
  const there = world.sets.filter(({ manifest }) => manifest);
  const announcements = there.flatMap(({ storedAt, trusted, terms }) =>
    trusted ? [{ at: timeOf(world, storedAt), terms }] : [],
  );
  const now = timeOf(world, world.now + world.skew);
  return {
    subjects: there.map((one) => subjectOf(world, one, one.lockedUntil)),
    terms: code.terms(world.terms, announcements, now).terms,
    ...boundsOf(world),
    needed: new Map(there.flatMap(({ name, held }) => (held ? [[name, "a hold keeps it"]] : []))),
    stop: world.incident ? "an incident is on" : null,
    now,
  };
}

/** The replica's own run: what the vault has no more for a week, by terms that are a week longer. */
export async function retainReplica(world: World, code: Code, watcher: Watcher): Promise<RetentionPlan> {
  const there = world.sets.filter(({ copied }) => copied);
  const announcements = there.flatMap(({ storedAt, trusted, terms }) =>
    trusted ? [{ at: timeOf(world, storedAt), terms }] : [],
  );
  const now = timeOf(world, world.now + world.skew);
  const { terms } = code.terms(world.terms, announcements, now);
  const needed = new Map<string, string>();
  for (const { name, held, goneAt } of there) {
    if (held) needed.set(name, "a hold keeps it");
    else if (goneAt === null || world.now - goneAt < 7) needed.set(name, "the vault has it, or had it a week ago");
  }
  const facts = {
    subjects: there.map((one) => subjectOf(world, one, 0)),
    terms: { daily: terms.daily + 7, weekly: terms.weekly + 7, monthly: terms.monthly + 7 },
    ...boundsOf(world),
    ...{ needed, now, stop: world.incident ? "an incident is on" : null },
  };
  const plan = code.plan(facts, world);
  const byName = new Map(there.map((one) => [one.name, one]));
  for (const { set } of goingOf(plan)) {
    const one = byName.get(set);
    if (one === undefined) continue;
    watcher.removing(world, one, "replica");
    one.copied = false;
  }
  forget(world);
  return plan;
}

function boundsOf(world: World): Pick<RetentionFacts, "bounds" | "lastProof"> {
  const { rules, lastProof } = world;
  const { keepNewest, staleDays, staleProofDays } = rules;
  return {
    bounds: { keepNewest, staleDays, staleProofDays },
    lastProof: lastProof && { ...lastProof, at: timeOf(world, lastProof.at) },
  };
}

function subjectOf(world: World, one: ModelSet, lockedUntil: number): Subject {
  const { name: set, tier, trusted, verified, provenAt, marked, paidUntil } = one;
  return {
    ...{ set, tier: trusted ? tier : null, state: trusted ? "trusted" : "refused", verified, marked },
    ...{
      at: timeOf(world, one.at),
      storedAt: timeOf(world, one.storedAt),
      provenAt: provenAt === null ? null : timeOf(world, provenAt),
    },
    ...{ paidUntil: timeOf(world, paidUntil), lockedUntil: timeOf(world, lockedUntil) },
  };
}

function goingOf({ decisions }: RetentionPlan): Going[] {
  return decisions.flatMap(({ keep, set, tier }) => (keep || tier === null ? [] : [{ set, tier }]));
}

/** Folders without a manifest that are older than a day. */
function isLeftover({ now }: World, { manifest, rest, storedAt }: ModelSet): boolean {
  return !manifest && rest > 0 && now - storedAt >= 1;
}

const nothing = { deleted: 0, kept: 0, keptUntil: null };

function removeManifest(world: World, one: ModelSet | undefined, watcher: Watcher) {
  if (one === undefined || !one.manifest) return { ...nothing, whole: false };
  if (world.refusing || one.held || one.lockedUntil > world.now)
    return { deleted: 0, kept: 1, keptUntil: timeOf(world, one.lockedUntil), whole: true };
  watcher.removing(world, one, "vault");
  one.manifest = false;
  one.goneAt = world.now;
  return { ...nothing, deleted: 1, whole: false };
}

/** One object a request; the keys, which go last, may be locked still. */
function removeRest(world: World, one: ModelSet | undefined, watcher: Watcher) {
  if (one === undefined || one.rest === 0) return { ...nothing, more: false };
  if (world.refusing || (one.rest === 1 && one.keysLockedUntil > world.now))
    return { deleted: 0, kept: 1, keptUntil: timeOf(world, one.keysLockedUntil), more: false };
  watcher.removing(world, one, "rest");
  one.rest--;
  return { ...nothing, deleted: 1, more: one.rest > 0 };
}

/** Of what is gone everywhere nothing is remembered. */
function forget(world: World): void {
  world.sets = world.sets.filter(({ manifest, rest, copied }) => manifest || rest > 0 || copied);
}

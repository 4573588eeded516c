import type { Terms } from "../../../actions/lib/policy/terms.ts";
import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";

/** One set of a vault that is only thought: what the store has of it, what is known of it, and what is true of it. Times in days. */
export interface ModelSet {
  readonly name: string;
  readonly tier: Tier;
  /** When its data was really read; nobody but the oracle knows. */
  readonly readAt: number;
  /** When it says its data was read, by the clock of whoever made it. */
  readonly at: number;
  /** By the store's clock. */
  readonly storedAt: number;
  /** Signed by a pinned key; else somebody's junk. */
  readonly trusted: boolean;
  verified: boolean;
  provenAt: number | null;
  /** Made while an incident was on. */
  readonly marked: boolean;
  held: boolean;
  /** Until when the store refuses to remove its manifest, and its keys. */
  lockedUntil: number;
  keysLockedUntil: number;
  readonly paidUntil: number;
  /** What its manifest says of the policy. */
  readonly terms: Terms | null;
  /** What the vault has of it: its manifest, and how many other objects. */
  manifest: boolean;
  rest: number;
  /** The same of the replica. */
  copied: boolean;
  /** When its manifest went from the vault; null: it is there, or never was. */
  goneAt: number | null;
}

/** The terms and bounds that a world lives by, in days. */
export interface Rules {
  readonly terms: Terms;
  readonly keepNewest: number;
  readonly staleDays: number;
  readonly staleProofDays: number | null;
  /** How long the store locks a manifest, beyond nothing: the term of its tier, as it was then. */
  readonly locks: boolean;
  /** Days that keys are locked ahead, again and again, while a set is kept. */
  readonly keysLockDays: number;
  /** Days that a monthly set has been paid for. */
  readonly paidDays: number;
  /** Objects of a set beside its manifest. */
  readonly objects: number;
}

/** A vault, its replica, the clocks and what people have said. */
export interface World {
  readonly rules: Rules;
  /** What day 0 is, ms since 1970. */
  readonly begins: number;
  /** Days since the beginning, by the store's clock, which is right. */
  now: number;
  /** How far our own clock is ahead of it, in days. */
  skew: number;
  sets: ModelSet[];
  /** The policy as it stands in the repository. */
  terms: Terms;
  incident: boolean;
  /** The store refuses to remove anything: AccessDenied. */
  refusing: boolean;
  replicating: boolean;
  lastProof: { readonly at: number; readonly proven: boolean; readonly set: string } | null;
  /** What good sets have announced, in their order: the oracle's memory, which loses nothing with the sets. */
  announced: { readonly at: number; readonly terms: Terms }[];
  /** Counted up by each hold and each release: what a gate compares. */
  holds: number;
  made: number;
}

const dayMs = 86_400_000;
/** A Monday, so that weeks begin where people think. */
const aMonday = Date.parse("2026-01-05T02:00:00Z");

/** A day of a world as people count, ms since 1970. */
export function timeOf({ begins }: Pick<World, "begins">, day: number): number {
  return begins + day * dayMs;
}

export function newWorld(rules: Rules, begins = aMonday): World {
  return {
    ...{ rules, begins, now: 0, skew: 0, sets: [], terms: rules.terms, incident: false, refusing: false },
    ...{ replicating: true, lastProof: null, announced: [], holds: 0, made: 0 },
  };
}

export function copyOf(world: World): World {
  return { ...world, sets: world.sets.map((one) => ({ ...one })), announced: [...world.announced] };
}

/** Before every day that any clock shows. */
const never = Number.NEGATIVE_INFINITY;

export type Making = Partial<Pick<ModelSet, "trusted" | "verified" | "manifest">>;

/** Whoever makes a set, or lays one that looks like it, here and now. */
export function make(
  world: World,
  tier: Tier,
  { trusted = true, verified = true, manifest = true }: Making = {},
): ModelSet {
  const { rules, now, skew, terms, incident } = world;
  const made: ModelSet = {
    ...{ name: `set ${String(world.made++).padStart(9, "0")}`, tier, readAt: now, at: now + skew, storedAt: now },
    ...{ trusted, verified, provenAt: null, marked: incident && trusted, held: false },
    lockedUntil: rules.locks && trusted && manifest ? now + terms[tier] : never,
    keysLockedUntil: trusted && manifest && rules.keysLockDays > 0 ? now + rules.keysLockDays : never,
    paidUntil: tier === "monthly" && trusted && rules.paidDays > 0 ? now + rules.paidDays : never,
    terms: trusted && manifest ? terms : null,
    ...{ manifest, rest: rules.objects, copied: false, goneAt: null },
  };
  world.sets.push(made);
  if (trusted && manifest) world.announced.push({ at: now, terms });
  replicate(world);
  return made;
}

/** What has not reached the replica yet reaches it, where replication works. */
export function replicate(world: World): void {
  if (!world.replicating) return;
  for (const set of world.sets) if (set.manifest) set.copied = true;
}

/** Time goes by; locks of keys are extended as long as sets are made, by whoever makes them. */
export function pass(world: World, days: number): void {
  world.now += days;
}

/** Sets that may count as good ones, in truth: whatever their date says. */
export function goodSets(world: World, where: "vault" | "replica" = "vault"): ModelSet[] {
  return world.sets.filter(
    (one) =>
      (where === "vault" ? one.manifest : one.copied) &&
      one.trusted &&
      !one.marked &&
      (one.verified || one.provenAt !== null),
  );
}

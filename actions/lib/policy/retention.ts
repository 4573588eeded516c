import { ConfigurationError } from "../base/errors.ts";
import { formatDay } from "../base/measures.ts";
import { type Tier, tierSchema } from "../vault/format/manifest.ts";
import { announcedDays, type Terms } from "./terms.ts";

/** A set of the database or a snapshot of the files, as far as retention has to know it. Times: ms since 1970, UTC. */
export interface Subject {
  readonly set: string;
  /** Null where no manifest that can be trusted says so. */
  readonly tier: Tier | null;
  /** When its data was read at the source, as its manifest says. */
  readonly at: number;
  /** When the store took its manifest, by the store's clock; null or left out: not known. */
  readonly storedAt?: number | null;
  /**
   * `trusted`: a pinned key has signed its manifest for this place. `refused`: not so: junk, or somebody has changed it.
   * `hidden`: a delete marker lies over its manifest.
   */
  readonly state: "trusted" | "refused" | "hidden";
  /** Every stored byte was read again after it was written, and all of it is there. */
  readonly verified: boolean;
  /** When the newest restore test that it passed ended; null when none has. */
  readonly provenAt: number | null;
  /** Made while an incident was on: what the incident is about may be in it, so it never counts as a good one. */
  readonly marked: boolean;
  /** What has been paid for anyway, by the storage class's shortest term; null: nothing. */
  readonly paidUntil: number | null;
  /** Until when the store refuses to remove it; null: not locked, or not known yet. */
  readonly lockedUntil: number | null;
}

/** The policy's bounds: when retention stands still. */
export interface RetentionBounds {
  /** Newest good sets that stay whatever their age, of all tiers together. */
  readonly keepNewest: number;
  /** Without a good set that is younger than so many days, backups are failing. */
  readonly staleDays: number;
  /** Without a proof that is younger than so many days, proofs are failing; null: proofs are not asked for. */
  readonly staleProofDays: number | null;
}

export interface RetentionFacts {
  /** Of one kind: sets of the database, or snapshots of the files. Each kind has newest ones of its own. */
  readonly subjects: readonly Subject[];
  /** Days that each tier is kept, as they are in force (`termsInForce`). */
  readonly terms: Terms;
  readonly bounds: RetentionBounds;
  /** What somebody still needs, whatever its age, by set, and why: a hold, an incident, a running restore, a set that stays. */
  readonly needed: ReadonlyMap<string, string>;
  /** The newest restore test, whichever set it was about, and how it ended; null: there was none. */
  readonly lastProof: { readonly at: number; readonly proven: boolean; readonly set: string } | null;
  /** Why nothing may be removed at all, as far as others know it: an incident, a clock that is wrong, something hidden. */
  readonly stop: string | null;
  readonly now: number;
}

/** What becomes of one subject, and why: a sentence for people, without its full stop. */
export interface Decision {
  readonly set: string;
  readonly tier: Tier | null;
  readonly keep: boolean;
  readonly why: string;
  /** When its term ends; null where it has none. */
  readonly until: number | null;
  /** Why it stays beyond its term; null where it goes, or its term has not ended. */
  readonly beyond: "needed" | "newest" | "paid" | "locked" | "held-back" | "not-ours" | "future" | "announced" | null;
}

export interface RetentionPlan {
  /** Oldest first: what is removed is removed in this order. */
  readonly decisions: readonly Decision[];
  /** Why nothing goes although some could; null when nothing holds it back. */
  readonly heldBack: string | null;
}

const day = 86_400_000;
/** A clock that is a little behind makes no set one of the future. A run takes less than this from reading to publishing. */
const skew = day;

/**
 * What the policy no longer keeps. Pure: the same facts give the same plan, and each decision says its reason.
 *
 * Time alone decides what may go; what is good decides what has to stay. Junk, failed, unsigned and marked sets are never among
 * the newest good ones, so that no number of them pushes one out. Kept for ever: the newest proven and the newest verified set of
 * each tier, the newest good ones of all; and of a tier that has no good set, the newest that there is.
 *
 * A set that was made under a wrong clock misleads nobody. One that was dated ahead of the store's clock is as new as the store
 * says, and the term of one that was dated long before the store had it begins when the store had it.
 * @throws ConfigurationError `retention-terms` for terms and bounds that keep nothing
 */
export function planRetention(facts: RetentionFacts): RetentionPlan {
  refuseNothingKept(facts);
  const { subjects, terms, needed, now } = facts;
  const newest = newestGood(facts);
  const stop = standstill(facts);
  const decisions = subjects
    .toSorted((a, b) => a.at - b.at || (a.set < b.set ? -1 : 1))
    .map((subject): Decision => {
      const { set, tier, at } = subject;
      const of = (keep: boolean, why: string, until: number | null, beyond: Decision["beyond"] = null): Decision => ({
        ...{ set, tier, keep, why, until, beyond },
      });
      if (tier === null || subject.state !== "trusted") return of(true, notOurs(subject), null, "not-ours");
      if (!Number.isFinite(terms[tier]))
        return of(
          true,
          `the policy's term for ${tier} sets has not been announced for ${announcedDays} days yet`,
          null,
          "announced",
        );
      const from = beginOf(subject);
      const until = from + terms[tier] * day;
      if (at > now + skew) return of(true, `it is dated ${formatDay(at)}, which is still to come`, until, "future");
      const need = needed.get(set);
      const dated = from === at ? "" : ` (it was stored on ${formatDay(from)}, though it is dated ${formatDay(at)})`;
      const term = `${tier} sets are kept for ${terms[tier]} days, until ${formatDay(until)}${dated}`;
      if (now < until) return of(true, need === undefined ? term : `${term}; besides, ${need}`, until);
      if (need !== undefined) return of(true, need, until, "needed");
      const place = newest.get(set);
      if (place !== undefined) return of(true, place, until, "newest");
      const { paidUntil, lockedUntil } = subject;
      if (paidUntil !== null && now < paidUntil)
        return of(true, `its storage class is paid for until ${formatDay(paidUntil)} anyway`, until, "paid");
      if (lockedUntil !== null && now < lockedUntil)
        return of(true, `a lock keeps it until ${formatDay(lockedUntil)}`, until, "locked");
      if (stop !== null) return of(true, `nothing is removed now: ${stop}`, until, "held-back");
      return of(false, `${term}, and newer good ones stay`, until);
    });
  const waiting = decisions.some(({ beyond }) => beyond === "held-back");
  return { decisions, heldBack: waiting ? stop : null };
}

/** A term of nothing would make room for what comes next by removing everything: none of these has a meaning. */
function refuseNothingKept({ terms, bounds }: Pick<RetentionFacts, "terms" | "bounds">): void {
  const wrong = [
    ...tierSchema.options.flatMap((tier) => (terms[tier] > 0 ? [] : [`${tier} sets are kept for ${terms[tier]} days`])),
    ...(bounds.keepNewest >= 1 ? [] : [`the newest ${bounds.keepNewest} sets stay`]),
    ...(bounds.staleDays > 0 ? [] : [`backups count as failing after ${bounds.staleDays} days`]),
    ...(bounds.staleProofDays === null || bounds.staleProofDays > 0
      ? []
      : [`proofs count as failing after ${bounds.staleProofDays} days`]),
  ];
  if (wrong.length === 0) return;
  throw new ConfigurationError(
    "retention-terms",
    `Retention cannot work by this policy: ${wrong.join("; ")}.`,
    "Give each tier, and each of retention's bounds, a number above 0 in lifeboat.config.ts. Nothing was removed.",
  );
}

/** When its term begins: when its data was read, unless its clock was behind or the vault was copied since. */
function beginOf({ at, storedAt }: Pick<Subject, "at" | "storedAt">): number {
  const stored = storedAt ?? at;
  return stored - at > skew ? stored : at;
}

/** How new its data is at most: nobody stores what is still to come. */
function readOf({ at, storedAt }: Subject): number {
  const stored = storedAt ?? at;
  return at - stored > skew ? stored : at;
}

/** Whether it may count as the newest of something. */
function isGood(subject: Subject, now: number): boolean {
  const { tier, state, marked, verified, provenAt } = subject;
  if (tier === null || state !== "trusted" || marked || readOf(subject) > now + skew) return false;
  return verified || provenAt !== null;
}

/**
 * The sets that stay as the newest of something, and of what: by the time that they say, and by the time when the store had
 * them, which is another order where a clock was wrong, or the vault was copied.
 */
export function newestGood({ subjects, bounds, now }: RetentionFacts): Map<string, string> {
  const good = subjects.filter((one) => isGood(one, now));
  const reasons = new Map<string, string>();
  const stays = (one: Subject | undefined, why: string): void => {
    if (one !== undefined && !reasons.has(one.set)) reasons.set(one.set, why);
  };
  const orders = [newestFirst(good, readOf), newestFirst(good, ({ at, storedAt }) => storedAt ?? at)];
  for (const tier of tierSchema.options) {
    for (const order of orders) {
      const own = order.filter((one) => one.tier === tier);
      stays(
        own.find(({ provenAt }) => provenAt !== null),
        `it is the newest proven ${tier} set`,
      );
      stays(
        own.find(({ verified }) => verified),
        `it is the newest verified ${tier} set`,
      );
    }
    if (!good.some((one) => one.tier === tier))
      stays(newestOfBad(subjects, tier, now), `it is the newest ${tier} set, and no good one is there`);
  }
  for (const order of orders) {
    const few = order.slice(0, bounds.keepNewest);
    for (const one of few)
      stays(one, few.length === 1 ? "it is the newest good set" : `it is one of the ${few.length} newest good sets`);
  }
  return reasons;
}

/** What is left of a set whose manifest is gone, as far as its name, the store and the proofs tell of it. Times: ms since 1970. */
export interface Rest extends Pick<Subject, "set" | "at"> {
  readonly tier: Tier;
  /** When the store took the oldest object of it; null: not known. */
  readonly storedAt: number | null;
  /** A restore test has proven it, whether its proof still counts or not. */
  readonly proven: boolean;
}

/**
 * Why the policy keeps what is left of a set: nobody knows any more how good it was, so it counts as the best that it can have been.
 * Null: its term is over, and newer good ones stay.
 */
export function whyRestStays({ subjects, terms, bounds, now }: RetentionFacts, rest: Rest): string | null {
  const { tier, at, proven } = rest;
  const until = beginOf({ at, storedAt: rest.storedAt }) + terms[tier] * day;
  if (!(now >= until))
    return Number.isFinite(until)
      ? `its term ends on ${formatDay(until)}`
      : "the policy's term for it is not known yet";
  const newer = subjects.filter((one) => isGood(one, now) && readOf(one) > at);
  if (newer.length < bounds.keepNewest) return `only ${newer.length} newer good sets are there`;
  const ofTier = newer.filter((one) => one.tier === tier);
  if (!ofTier.some(({ verified }) => verified)) return `no newer verified ${tier} set is there`;
  if (proven && !ofTier.some(({ provenAt }) => provenAt !== null))
    return `a restore test has proven it, and no newer proven ${tier} set is there`;
  return null;
}

function newestFirst(subjects: readonly Subject[], timeOf: (subject: Subject) => number): readonly Subject[] {
  return subjects.toSorted((a, b) => timeOf(b) - timeOf(a) || (a.set < b.set ? 1 : -1));
}

/** What a tier has when nothing in it is good: better one that was not made during an incident. */
function newestOfBad(subjects: readonly Subject[], tier: Tier, now: number): Subject | undefined {
  const own = subjects.filter((one) => one.tier === tier && one.state === "trusted" && readOf(one) <= now + skew);
  const order = newestFirst(own, readOf);
  return order.find(({ marked }) => !marked) ?? order[0];
}

/** Why nothing may be removed now, whether something could go or not; null: it may. */
export function standstill(facts: RetentionFacts): string | null {
  return facts.stop ?? failing(facts);
}

/** Why nothing may go: while new sets or proofs fail, the old ones are all there is. */
function failing({ subjects, bounds, lastProof, now }: RetentionFacts): string | null {
  const newest = subjects.reduce(
    (most, one) => (isGood(one, now) ? Math.max(most, readOf(one)) : most),
    Number.NEGATIVE_INFINITY,
  );
  if (newest === Number.NEGATIVE_INFINITY) return "there is no verified set";
  const age = Math.floor((now - newest) / day);
  if (now - newest > bounds.staleDays * day) return `the newest verified set is ${age} days old: backups are failing`;
  if (bounds.staleProofDays === null) return null;
  if (lastProof === null) return "no set has been proven by a restore test yet";
  if (!lastProof.proven) return `the newest restore test failed, of set ${lastProof.set}`;
  if (now - lastProof.at <= bounds.staleProofDays * day) return null;
  return `the newest proof is ${Math.floor((now - lastProof.at) / day)} days old: restore tests are failing`;
}

function notOurs({ state }: Subject): string {
  if (state === "hidden") return "somebody has hidden its manifest: find out who";
  return "no trusted key has signed it: it fills no place, and is not ours to remove";
}

import type { Decision, RetentionPlan } from "../../../actions/lib/policy/retention.ts";
import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import type { Watcher } from "./retention-run.ts";
import { goodSets, type ModelSet, type World } from "./world.ts";

/** What has to hold, whatever happens; written without a look at the plan's code, from what is true of a set and not from what it says. */
export interface Violation {
  readonly promise: string;
  readonly set: string;
  readonly day: number;
}

/** Days that a clock may be behind without anybody's noticing. */
const skew = 1;
const announcedDays = 3;

export class Oracle implements Watcher {
  readonly violations: Violation[] = [];
  removals = 0;

  removing(world: World, set: ModelSet, where: "vault" | "replica" | "rest"): void {
    const broken = (promise: string): void => {
      this.violations.push({ promise, set: `${set.tier} ${set.name}`, day: world.now });
    };
    this.removals++;
    if (world.incident) broken("nothing is removed during an incident");
    if (set.held) broken("nothing is removed that is held");
    if (where === "rest") {
      if (set.manifest) broken("a set is whole, or it does not exist");
      return;
    }
    if (!set.trusted) broken("what is not ours stays");
    const others = goodSets(world, where).filter((one) => one !== set && one.tier === set.tier);
    const isGood = set.trusted && !set.marked;
    const newer = (other: ModelSet): boolean => other.readAt >= set.readAt;
    if (isGood && set.provenAt !== null && !others.some((one) => one.provenAt !== null && newer(one)))
      broken(`the newest proven set of each tier stays in the ${where}`);
    if (isGood && set.verified && !others.some((one) => one.verified && newer(one)))
      broken(`the newest verified set of each tier stays in the ${where}`);
    const clock = world.now + world.skew;
    if (set.at > clock + skew) broken("sets from the future stay");
    if (clock - set.at < longestTerm(world, set.tier))
      broken("a set stays for its term, a shorter one announced for three days");
    if (set.paidUntil > clock) broken("what has been paid for stays");
    if (backupsFail(world, where, skew) || proofsFail(world, skew))
      broken("nothing is removed while backups or proofs fail");
    if (where === "replica" && (set.goneAt === null || world.now - set.goneAt < 7))
      broken("the replica keeps a set for a week longer than the vault");
  }

  /**
   * After a run that nothing disturbed: what is still there although its term is over has a reason, and the reason is true. Under
   * a wrong clock it is what that clock shows.
   */
  ended(world: World, plan: RetentionPlan): void {
    const decided = new Map(plan.decisions.map((one) => [one.set, one]));
    const good = goodSets(world);
    for (const set of world.sets) {
      const broken = (promise: string): void => {
        this.violations.push({ promise, set: `${set.tier} ${set.name}`, day: world.now });
      };
      if (!set.manifest) {
        const locked = set.rest === 1 && set.keysLockedUntil > world.now;
        if (set.rest > 0 && !locked && world.now - set.storedAt >= 1)
          broken("a set half removed is finished by the next run");
        continue;
      }
      const decision = decided.get(set.name);
      if (decision === undefined || (decision.keep && decision.why === ""))
        broken("each set has its decision and its reason");
      else if (!decision.keep) {
        if (!set.held && set.lockedUntil <= world.now) broken("what the plan removes is gone after the run");
      } else if (world.skew === 0 && !isTrue(decision, set, world, good))
        broken(`the printed reason is true (${decision.beyond ?? "its term"})`);
    }
  }
}

/** The longest term of the policy now, of what was announced during the last days, and last before them. */
function longestTerm({ announced, now, skew, terms }: World, tier: Tier): number {
  // To a clock that is ahead three days are over sooner; that clocks are compared first is shown elsewhere.
  const before = now + Math.max(0, skew) - announcedDays;
  let longest = terms[tier];
  for (let at = announced.length - 1; at >= 0; at--) {
    const said = announced[at];
    if (said === undefined) break;
    longest = Math.max(longest, said.terms[tier]);
    if (said.at <= before) return longest;
  }
  return Number.POSITIVE_INFINITY;
}

function backupsFail(
  world: World,
  where: "vault" | "replica",
  grace: number,
  timeOf: (set: ModelSet) => number = ({ readAt }) => readAt,
): boolean {
  const newest = goodSets(world, where).reduce((most, one) => Math.max(most, timeOf(one)), Number.NEGATIVE_INFINITY);
  // A clock that is behind cannot see it; that clocks are compared before anything is removed is shown elsewhere.
  return world.now + Math.min(0, world.skew) - newest > world.rules.staleDays + grace;
}

function proofsFail({ rules: { staleProofDays }, lastProof, now, skew }: World, grace: number): boolean {
  if (staleProofDays === null) return false;
  return lastProof === null || !lastProof.proven || now + Math.min(0, skew) - lastProof.at > staleProofDays + grace;
}

/** Whether the reason that a plan gives for keeping a set is what is really the case. */
function isTrue({ beyond }: Decision, set: ModelSet, world: World, good: readonly ModelSet[]): boolean {
  switch (beyond) {
    case null:
      // Not over yet; or made under a clock that was behind, and stored since.
      return world.now - Math.max(set.at, set.storedAt) < longestTerm(world, set.tier);
    case "needed":
      return set.held;
    case "newest":
      return isAmongNewest(set, world, good);
    case "paid":
      return set.paidUntil > world.now;
    case "locked":
      return set.lockedUntil > world.now;
    case "held-back": {
      // What a clock that was behind has made looks older than it is.
      const asDated = ({ at, readAt }: ModelSet): number => Math.min(at, readAt);
      return world.incident || backupsFail(world, "vault", 0, asDated) || proofsFail(world, 0);
    }
    case "not-ours":
      return !set.trusted;
    case "future":
      return set.at > world.now;
    case "announced":
      // Sets that are gone take what they announced with them.
      return !world.sets.some((one) => one.manifest && one.trusted && world.now - one.storedAt >= announcedDays);
  }
}

function isAmongNewest(set: ModelSet, world: World, good: readonly ModelSet[]): boolean {
  const own = good.filter(({ tier }) => tier === set.tier);
  if (own.length === 0) return true;
  if (!good.includes(set)) return false;
  // In truth; as the set says; as the set says, but no later than the store had it; as the store says.
  const orders: readonly ((one: ModelSet) => number)[] = [
    ({ readAt }) => readAt,
    ({ at }) => at,
    ({ at, storedAt }) => Math.min(at, storedAt),
    ({ storedAt }) => storedAt,
  ];
  return orders.some((order) => {
    const newer = (among: readonly ModelSet[]): number => among.filter((one) => order(one) > order(set)).length;
    return (
      (set.provenAt !== null && newer(own.filter(({ provenAt }) => provenAt !== null)) === 0) ||
      (set.verified && newer(own.filter(({ verified }) => verified)) === 0) ||
      newer(good) < world.rules.keepNewest
    );
  });
}

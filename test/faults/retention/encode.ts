import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import { type ModelSet, newWorld, type Rules, type World } from "../../lab/retention/world.ts";

const tiers: readonly Tier[] = ["daily", "weekly", "monthly"];
/** Older than this all ages are alike to every bound, even under a clock that is a year behind. */
const old = 400;

/**
 * A world as a text, so that two of the same future have the same text: times count from now, what is older than everything is
 * only ordered, names follow from the order. It is complete: `decode` gives the world back.
 */
export function encode(world: World): string {
  const { now, rules } = world;
  const ancient = ancientAges(world);
  const age = (time: number): number => ancient.get(now - time) ?? now - time;
  const until = (time: number): number => Math.max(-old - 1, time - now);
  const sets = world.sets.map((one) =>
    [
      tiers.indexOf(one.tier),
      ...[age(one.readAt), age(one.at), age(one.storedAt)],
      flags(one),
      // Which test proved it, and when, is nobody's concern.
      ...[one.rest, until(one.lockedUntil), until(one.keysLockedUntil), until(one.paidUntil)],
      one.terms?.daily ?? 0,
      one.goneAt === null ? -1 : Math.min(8, now - one.goneAt),
    ].join(","),
  );
  const announced = lastAnnounced(world).map(({ at, terms }) => `${Math.min(4, now - at)},${terms.daily}`);
  const { skew, incident, replicating, lastProof, terms } = world;
  const proof = lastProof === null ? "-" : `${Math.min(9, now - lastProof.at)},${lastProof.proven ? 1 : 0}`;
  const rest = [skew, terms.daily, incident ? 1 : 0, replicating ? 1 : 0, proof, announced.join(" ")];
  return [rules === world.rules ? "" : "?", rest.join(";"), distinctJunk(sets, world).sort().join("|")].join("#");
}

/** What ages beyond all bounds become: as near to one another as keeps their order, and whether a day lies between them. */
function ancientAges({ now, sets }: World): Map<number, number> {
  const times = sets.flatMap(({ readAt, at, storedAt }) => [readAt, at, storedAt]);
  const ages = [...new Set(times.map((time) => now - time).filter((age) => age > old))].sort((a, b) => a - b);
  const found = new Map<number, number>();
  let last = old;
  for (const [index, age] of ages.entries()) {
    last += Math.min(2, age - (ages[index - 1] ?? old));
    found.set(age, last);
  }
  return found;
}

export function decode(text: string, rules: Rules): World {
  const [, state = "", sets = ""] = text.split("#");
  const [skew, daily, incident, replicating, proof = "-", announced = ""] = state.split(";");
  const world = newWorld(rules);
  const termsOf = (days: number) => ({ ...rules.terms, daily: days });
  const [proofAge, proven] = proof.split(",");
  world.skew = Number(skew);
  world.terms = termsOf(Number(daily));
  world.incident = incident === "1";
  world.replicating = replicating === "1";
  world.lastProof = proof === "-" ? null : { at: -Number(proofAge), proven: proven === "1", set: "?" };
  world.announced = announced
    .split(" ")
    .filter((one) => one !== "")
    .map((one) => one.split(",").map(Number))
    .map(([age = 0, days = 0]) => ({ at: -age, terms: termsOf(days) }));
  world.sets = sets
    .split("|")
    .filter((one) => one !== "")
    .map((one, index): ModelSet => {
      const [
        tier = 0,
        read = 0,
        at = 0,
        stored = 0,
        flag = 0,
        rest = 0,
        locked = 0,
        keys = 0,
        paid = 0,
        said = 0,
        gone = 0,
      ] = one.split(",").map(Number);
      const has = (bit: number): boolean => (flag & bit) !== 0;
      return {
        ...{ name: `set ${index}`, tier: tiers[tier] ?? "daily", readAt: -read, at: -at, storedAt: -stored },
        ...{ trusted: has(1), verified: has(2), provenAt: has(4) ? -stored : null, marked: has(8), held: has(16) },
        ...{ manifest: has(32), copied: has(64), rest, lockedUntil: locked, keysLockedUntil: keys, paidUntil: paid },
        ...{ terms: said === 0 ? null : termsOf(said), goneAt: gone === -1 ? null : -gone },
      };
    });
  world.made = world.sets.length;
  return world;
}

function flags({ trusted, verified, provenAt, marked, held, manifest, copied }: ModelSet): number {
  const bits = [trusted, verified, provenAt !== null, marked, held, manifest, copied];
  return bits.reduce((sum, bit, at) => sum + (bit ? 1 << at : 0), 0);
}

/** Junk of the same moment counts once: of what nobody signed one is as good as ten. */
function distinctJunk(sets: readonly string[], world: World): string[] {
  const seen = new Set<string>();
  return sets.filter((text, at) => {
    if (world.sets[at]?.trusted !== false) return true;
    return !seen.has(text) && seen.add(text);
  });
}

/** What the oracle still needs of its memory: the last days, and the last before them. */
function lastAnnounced({ announced, now }: World): World["announced"] {
  const before = announced.findLastIndex(({ at }) => at <= now - 3);
  const recent = announced.slice(Math.max(0, before));
  // Of one day the longest says all.
  return recent.filter(
    ({ at, terms }, index) =>
      !recent.some(
        (other, later) =>
          other.at === at && (other.terms.daily > terms.daily || (other.terms.daily === terms.daily && later > index)),
      ),
  );
}

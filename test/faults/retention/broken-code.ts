import type { RemovalSteps } from "../../../actions/lib/operations/retention/removal-loop.ts";
import type { RetentionFacts, RetentionPlan, Subject } from "../../../actions/lib/policy/retention.ts";
import { type Code, realCode } from "../../lab/retention/retention-run.ts";

const day = 86_400_000;

/** Plans from other facts than those that are so. */
const blind = (change: (facts: RetentionFacts) => Partial<RetentionFacts>): Code => ({
  ...realCode,
  plan: (facts, world) => realCode.plan({ ...facts, ...change(facts) }, world),
});

const each = (change: (subject: Subject, facts: RetentionFacts) => Partial<Subject>): Code =>
  blind((facts) => ({ subjects: facts.subjects.map((one) => ({ ...one, ...change(one, facts) })) }));

/** Plans rightly, and then decides something else about some sets. */
const overruled = (goes: (decision: RetentionPlan["decisions"][number], facts: RetentionFacts) => boolean): Code => ({
  ...realCode,
  plan: (facts, world) => {
    const plan = realCode.plan(facts, world);
    const decisions = plan.decisions.map((one) =>
      one.tier !== null && one.until !== null && one.until <= facts.now && goes(one, facts)
        ? { ...one, keep: false, beyond: null }
        : one,
    );
    return { ...plan, decisions };
  },
});

/** The loop over steps of which one is changed. */
const loop = (change: (steps: RemovalSteps) => Partial<RemovalSteps>): Code => ({
  ...realCode,
  loop: (going, steps) => realCode.loop(going, { ...steps, ...change(steps) }),
});

const nothing = { deleted: 0, kept: 0, keptUntil: null };

/**
 * Retention with a fault in it, as somebody might write it: each has to be caught, or the tests show nothing.
 */
export const brokenCode: Readonly<Record<string, Code>> = {
  "age alone decides": overruled(() => true),
  "the newest stay, good or not": overruled(({ beyond }) => beyond === "newest"),
  "junk fills a place": each(({ state, tier }) =>
    state === "trusted" ? {} : { state: "trusted", tier: tier ?? "daily", verified: true },
  ),
  "sets that nobody read again fill a place": each(({ state }) => (state === "trusted" ? { verified: true } : {})),
  "sets made during an incident fill a place": each(() => ({ marked: false })),
  "proofs do not count": each(({ verified }) => ({ provenAt: null, verified })),
  "one newest for all tiers": each(({ tier, verified, provenAt }, { subjects }) => {
    const newest = subjects.reduce((most, one) => (one.verified && one.at > most ? one.at : most), 0);
    return tier !== null && subjects.some((one) => one.at === newest && one.tier !== tier)
      ? { verified: verified && false, provenAt: provenAt && null }
      : {};
  }),
  "the date that a set says is believed": each(() => ({ storedAt: null })),
  "holds are not asked for": blind(() => ({ needed: new Map() })),
  "incidents are not asked for": {
    ...blind(() => ({ stop: null })),
    loop: loop(() => ({ gate: async () => null })).loop,
  },
  "the gate is asked once": loop(({ gate }) => {
    let asked = false;
    return {
      gate: async (what) => {
        if (asked) return null;
        asked = true;
        return gate(what);
      },
    };
  }),
  "failing backups change nothing": blind(({ bounds }) => ({ bounds: { ...bounds, staleDays: 36_500 } })),
  "failing proofs change nothing": blind(({ bounds }) => ({ bounds: { ...bounds, staleProofDays: null } })),
  "a shorter policy counts at once": { ...realCode, terms: (policy) => ({ terms: policy, pending: [] }) },
  "a shorter policy counts when it was announced once": {
    ...realCode,
    terms: (policy, announced, now) =>
      realCode.terms(
        policy,
        announced.slice(-1).map((one) => ({ ...one, at: now - 4 * day })),
        now,
      ),
  },
  "a term ends a day early": blind(({ now }) => ({ now: now + day })),
  "nothing ever goes": blind(() => ({ stop: "somebody has forgotten this here" })),
  "a set is kept ten days longer": blind(({ terms }) => ({
    terms: { daily: terms.daily + 10, weekly: terms.weekly + 10, monthly: terms.monthly + 10 },
  })),
  "the rest goes before the manifest": loop(({ removeManifest, removeRest }) => ({
    removeManifest: async (set) => {
      await removeRest(set);
      return removeManifest(set);
    },
  })),
  "what earlier runs left is forgotten": loop(() => ({ leftovers: async () => [] })),
  "a set whose manifest is kept loses the rest": loop(({ removeManifest }) => ({
    removeManifest: async (set) => ({ ...(await removeManifest(set)), whole: false }),
  })),
  "only the manifest goes": loop(() => ({ removeRest: async () => ({ ...nothing, more: false }) })),
};

import { countOf, few, formatCount, formatDay } from "../../base/measures.ts";
import type { Drift, PlanLimits } from "../repository/drift.ts";
import { type Finding, worstFirst } from "./check.ts";

/** GitHub says that the plan has no rules for this repository: then it has no limits of environments either (GitHub Free, private). */
const beyondPlan =
  "GitHub's plan has no limits of environments for private repositories: anybody who can push can reach their secrets. Before a restore production's ref has to be typed.";

/**
 * Whether the environments still protect the keys that lie in them.
 * @param drifts of all of them @param there how many of those that the workflows name the repository has
 */
export function judgeEnvironments(drifts: readonly Drift[], there: number, limits: PlanLimits): Finding {
  if (limits.rules) return { state: "ok", found: beyondPlan };
  if (there === 0)
    return {
      state: "warning",
      found: "The repository has none of the environments that the workflows name.",
      means: reaches,
      next: "Run `lifeboat provision github`.",
    };
  return (
    judgeDrifts(drifts, reaches) ?? {
      state: "ok",
      found: `${countOf(there, "environment accepts", "environments accept")} only runs of main.`,
    }
  );
}

const reaches = "A workflow on any branch can read the secrets that lie there: anybody who can push can take the keys.";

/** @param drifts of main and of the branch `reports` @param limits what the plan does not have */
export function judgeMain(drifts: readonly Drift[], limits: PlanLimits): Finding {
  if (limits.rules)
    return {
      state: "ok",
      found: "GitHub's plan has no rules for branches of private repositories: anybody who can push can change main.",
    };
  const means = "Whoever can push to it can change what the backups do, and run it with their keys.";
  return judgeDrifts(drifts, means) ?? { state: "ok", found: "main accepts changes only by pull request." };
}

/** One finding of all that is not as it should be, by name; undefined: nothing is. */
function judgeDrifts(drifts: readonly Drift[], means: string): Finding | undefined {
  const [worst] = worstFirst(drifts);
  if (worst === undefined) return undefined;
  const told = worstFirst(drifts).map(({ property, is, should }) => `${property} (${is}; should be: ${should})`);
  return {
    state: worst.state,
    found: `${countOf(drifts.length, "setting is", "settings are")} not as wanted: ${few(told)}.`,
    means,
    next: worst.next,
  };
}

export interface SubjectFacts {
  /** False: a template of the repository's own decides what the subject is. */
  readonly useDefault: boolean;
  /** What subjects begin with; undefined: GitHub does not tell. */
  readonly prefix: string | undefined;
  /** How this run came to its credentials for the vault. `person`: it is no run of a workflow. */
  readonly access: "role" | "stored keys" | "none" | "person";
}

/**
 * Whether AWS takes what GitHub says of this repository. A repository that was renamed, moved or switched to ids presents another subject
 * from one run to the next; the roles of one stack all trust the same beginning, so a role that this run was given proves it for all.
 */
export function judgeSubject({ useDefault, prefix, access }: SubjectFacts): Finding {
  const form = useDefault
    ? prefix !== undefined && /@\d+/.test(prefix)
      ? "its names and ids"
      : "its names"
    : "a template of its own";
  const told = `GitHub presents the repository by ${form}`;
  const next =
    "Ask `gh api repos/{owner}/{repo}/actions/oidc/customization/sub` for sub_claim_prefix, and run `lifeboat provision aws` again, or deploy scripts/provision/access.yml with what follows `repo:` as Repository.";
  const means = "No job gets a role: nothing is backed up and nothing can be restored by a workflow.";
  switch (access) {
    case "role":
      return { state: "ok", found: `${told}, and AWS gave this run its role for it.` };
    case "stored keys":
      return { state: "ok", found: `${told}. Jobs use stored keys, so nothing depends on it.` };
    case "none":
      return { state: "critical", found: `${told}, and this run was given no role.`, means, next };
    case "person":
      return useDefault
        ? { state: "ok", found: `${told}. Only a workflow's run can show whether the roles trust it.` }
        : { state: "warning", found: `${told}, which the roles have to name.`, means, next };
  }
}

export interface MinutesFacts {
  /** Of this calendar month, as far as runs have ended. */
  readonly used: number;
  /** Whether all runs of the month were counted. */
  readonly complete: boolean;
  /** What the plan includes in a month. */
  readonly limit: number;
  readonly now: Date;
}

/** Of a month's beginning nothing can be told yet. */
const fewestDays = 4;
const dayMillis = 86_400_000;

/** Whether the month's minutes last until its end, at the pace of the month so far. */
export function judgeMinutes({ used, complete, limit, now }: MinutesFacts): Finding {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  const [from, until] = [Date.UTC(year, month), Date.UTC(year, month + 1)];
  const days = (now.getTime() - from) / dayMillis;
  const perDay = used / Math.max(days, fewestDays);
  const reached = perDay === 0 ? Number.POSITIVE_INFINITY : now.getTime() + ((limit - used) / perDay) * dayMillis;
  const measure = { value: used, limit, unit: "minutes" as const };
  const least = complete ? "about" : "at least";
  const found = `Runs took ${least} ${formatCount(used)} of ${formatCount(limit)} minutes this month.`;
  if (used < limit && reached >= until) return { state: "ok", found, measure };
  return {
    state: used >= 0.9 * limit ? "critical" : "warning",
    found: used >= limit ? found : `${found} At this pace they are used up on ${formatDay(reached)}.`,
    means: "When they are used up, nothing runs until the next month, or each further minute costs money.",
    next: "See which workflow takes them (Settings, Billing), allow spending for Actions and say so in monitor.actionsMinutes, or run on a machine of your own (LIFEBOAT_RUNNER).",
    measure,
  };
}

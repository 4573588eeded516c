import { countOf, formatCount, formatDay } from "../../base/measures.ts";
import type { Finding } from "./check.ts";

/** An environment of the repository. */
export interface ProtectedEnvironment {
  readonly name: string;
  /** Only runs of main reach its secrets. */
  readonly mainOnly: boolean;
  readonly reviewers: boolean;
}

export interface EnvironmentFacts {
  /** Named by the workflows' jobs. */
  readonly needed: readonly string[];
  /** That the repository has. */
  readonly there: readonly ProtectedEnvironment[];
  /** Environments of private repositories have no reviewers below GitHub Enterprise. */
  readonly isPrivate: boolean;
  /** GitHub says that the plan has no rules for this repository: then it has no limits of environments either (GitHub Free, private). */
  readonly beyondPlan: boolean;
}

/** Whose secrets can overwrite production: .github/workflows/README.md asks for reviewers. */
const reviewed = ["restore"];

/** Whether the environments still protect the keys that lie in them. */
export function judgeEnvironments({ needed, there, isPrivate, beyondPlan }: EnvironmentFacts): Finding {
  if (beyondPlan)
    return {
      state: "ok",
      found:
        "GitHub's plan has no limits of environments for private repositories: anybody who can push can reach their secrets. Before a restore production's ref has to be typed.",
    };
  const ours = there.filter(({ name }) => needed.includes(name));
  const open = ours.filter(({ mainOnly }) => !mainOnly);
  const means = "A workflow on any branch can read the secrets that lie there: anybody who can push can take the keys.";
  if (ours.length === 0) {
    return {
      state: "warning",
      found: "The repository has none of the environments that the workflows name.",
      means,
      next: "Set them up as .github/workflows/README.md says.",
    };
  }
  if (open.length > 0) {
    return {
      state: "critical",
      found: `${countOf(open.length, "environment is", "environments are")} not limited to main: ${open.map(({ name }) => name).join(", ")}.`,
      means,
      next: "Settings, Environments: choose it, and limit its deployment branches to main. If somebody took the limit away, change its secrets.",
    };
  }
  const alone = isPrivate ? [] : ours.filter(({ name, reviewers }) => reviewed.includes(name) && !reviewers);
  if (alone.length > 0) {
    return {
      state: "warning",
      found: `The environment ${alone.map(({ name }) => name).join(", ")} asks no reviewer.`,
      means:
        "Anybody who can start workflows can restore over a target without asking a second person. Only the tick write and the typed ref stand in between.",
      next: "Settings, Environments: ask for required reviewers.",
    };
  }
  return {
    state: "ok",
    found: `${countOf(ours.length, "environment accepts", "environments accept")} only runs of main.`,
  };
}

/** @param guarded a ruleset or the older protection keeps people from pushing to main; undefined: the plan has neither */
export function judgeMain(guarded: boolean | undefined): Finding {
  if (guarded === undefined)
    return {
      state: "ok",
      found: "GitHub's plan has no rules for branches of private repositories: anybody who can push can change main.",
    };
  if (guarded) return { state: "ok", found: "main accepts changes only by pull request." };
  return {
    state: "critical",
    found: "Nothing protects main.",
    means: "Whoever can push to it can change what the backups do, and run it with their keys.",
    next: "Settings, Rules, Rulesets: ask for pull requests and the check ci-ok on main.",
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

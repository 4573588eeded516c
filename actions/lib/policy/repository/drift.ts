import { type WantedEnvironment, type WantedRule, type WantedRuleset, wantedRulesets } from "./wanted.ts";

/** An environment as GitHub has it. */
export interface SeenEnvironment {
  readonly name: string;
  /** Whose runs reach it: every branch's, every protected branch's, or those of branches and tags that match a pattern. */
  readonly branches: "all" | "protected" | readonly string[];
  /** Logins and team slugs; empty: nobody is asked. */
  readonly reviewers: readonly string[];
  /** Names; undefined: this token may not list them. */
  readonly secrets?: readonly string[] | undefined;
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

/** What GitHub's plan does not have for this repository. */
export interface PlanLimits {
  /** Rules of branches, and with them limits of environments: GitHub Free, private repositories. */
  readonly rules: boolean;
  /** Required reviewers of environments: private repositories below GitHub Enterprise. */
  readonly reviewers: boolean;
}

/** What GitHub applies to the two branches, whoever made the rules. */
export interface SeenRules {
  /** Undefined: the plan has none for this repository. */
  readonly main: readonly WantedRule[] | undefined;
  readonly reports: readonly WantedRule[];
  /** The older protection of branches guards main; what it asks for is not known. */
  readonly protectedOtherwise: boolean;
}

/** As far as it shows before anything is tried. */
export function limitsOf(isPrivate: boolean, { main }: SeenRules): PlanLimits {
  return { rules: isPrivate && main === undefined, reviewers: isPrivate };
}

/** Whether nobody pushes to main without a pull request. */
export function guardsMain({ main = [], protectedOtherwise }: SeenRules): boolean {
  return protectedOtherwise || main.some(({ type }) => type === "pull_request" || type === "update");
}

/** What both branches lack. @param canReview see `wantedRulesets` */
export function rulesDrift(rules: SeenRules, canReview: boolean): Drift[] {
  if (rules.main === undefined) return [];
  const { main, reports } = rules;
  return wantedRulesets(canReview).flatMap((ruleset) => {
    if (ruleset.branch === "main" && rules.protectedOtherwise) return [];
    return branchDrift(ruleset, ruleset.branch === "main" ? main : reports);
  });
}

/** One thing that is not as it should be. */
export interface Drift {
  /** Stable, e.g. `environment backup: branches`. */
  readonly property: string;
  readonly is: string;
  readonly should: string;
  /** What to do. */
  readonly next: string;
  /** Critical: whoever can push can take keys, or change what the backups do. */
  readonly state: "critical" | "warning";
}

const byCommand = "Run `lifeboat provision github`.";

/**
 * What an environment lacks.
 * @param seen undefined: there is none
 * @param mainGuarded main is a protected branch
 * @param needed names without which its jobs do not begin
 * @param set values that its variables should have, as far as they are known
 */
export function environmentDrift(
  { name, reviewed }: Pick<WantedEnvironment, "name" | "reviewed">,
  seen: SeenEnvironment | undefined,
  limits: PlanLimits,
  mainGuarded: boolean,
  {
    needed = [],
    set = {},
  }: { readonly needed?: readonly string[]; readonly set?: Readonly<Record<string, string>> } = {},
): Drift[] {
  const of = (what: string): string => `environment ${name}: ${what}`;
  if (seen === undefined)
    return [
      {
        ...{ property: `environment ${name}`, is: "missing", should: "there, limited to main", state: "warning" },
        next: `${byCommand} GitHub makes an environment that a workflow names by itself, without any limit.`,
      },
    ];
  const drifts: Drift[] = [];
  const branches = seen.branches === "all" ? "all branches" : [seen.branches].flat().join(", ") || "none";
  const passing = seen.branches === "protected" ? mainGuarded : Array.isArray(seen.branches) && isMain(seen.branches);
  const should = "main alone";
  if (!(passing || limits.rules)) {
    const extra = Array.isArray(seen.branches) && seen.branches.includes("main");
    drifts.push({
      ...{ property: of("branches"), is: branches, should, state: "critical" },
      next: extra
        ? "Settings, Environments: remove the other branches and tags; Lifeboat takes nobody's rule away. If you do not know who added them, change its secrets."
        : `${byCommand} If somebody took the limit away, change its secrets.`,
    });
  }
  if (reviewed && seen.reviewers.length === 0 && !limits.reviewers)
    drifts.push({
      ...{ property: of("reviewers"), is: "nobody is asked", should: "a required reviewer", state: "warning" },
      next: `${byCommand} Or Settings, Environments: ask for required reviewers.`,
    });
  const { secrets, variables } = seen;
  if (secrets !== undefined && variables !== undefined) {
    for (const missing of needed.filter((one) => !secrets.includes(one) && variables[one] === undefined))
      drifts.push({
        ...{ property: of(missing), is: "not set", should: "set", state: "warning" },
        next: `Set it in your environment and run \`lifeboat provision github\`: without it the jobs of ${name} fail.`,
      });
    for (const [variable, value] of Object.entries(set)) {
      const is = variables[variable];
      if (is === value || secrets.includes(variable)) continue;
      if (is === undefined && needed.includes(variable)) continue;
      drifts.push({
        ...{ property: of(variable), is: is ?? "not set", should: value, state: "warning" },
        next: byCommand,
      });
    }
  }
  return drifts;
}

function isMain(branches: readonly string[]): boolean {
  return branches.length > 0 && branches.every((one) => one === "main");
}

/** What keeps a branch as it should be kept, and is not there. @param rules that GitHub applies to the branch, whoever made them */
export function branchDrift({ name, branch, rules: wanted }: WantedRuleset, rules: readonly WantedRule[]): Drift[] {
  return wanted
    .filter((rule) => !rules.some((one) => isAsStrict(one, rule)))
    .map((rule) => {
      const looser = rules.find(({ type }) => type === rule.type);
      return {
        property: `branch ${branch}: ${rule.type}`,
        is: looser === undefined ? "no such rule" : "looser",
        should: described(rule),
        next: `Run \`lifeboat provision github\`, which puts it into the ruleset "${name}".`,
        // Without pull requests whoever can push changes what the backups do.
        state: branch === "main" && rule.type === "pull_request" && looser === undefined ? "critical" : "warning",
      };
    });
}

/** Whether a rule that is there asks for all that another one does. */
export function isAsStrict(there: WantedRule, wanted: WantedRule): boolean {
  if (there.type !== wanted.type) return false;
  return Object.entries(wanted.parameters ?? {}).every(([name, value]) => {
    const has = there.parameters?.[name];
    if (typeof value === "boolean") return !value || has === true;
    if (typeof value === "number") return typeof has === "number" && has >= value;
    const names = contexts(has);
    return contexts(value).every((context) => names.includes(context));
  });
}

/** The stricter of two rules of one type in everything that both say. */
export function stricter(there: WantedRule | undefined, wanted: WantedRule): WantedRule {
  if (there?.parameters === undefined || wanted.parameters === undefined) return there ?? wanted;
  const parameters: Record<string, unknown> = { ...there.parameters };
  for (const [name, value] of Object.entries(wanted.parameters)) {
    const has = parameters[name];
    if (typeof value === "boolean") parameters[name] = value || has === true;
    else if (typeof value === "number") parameters[name] = Math.max(value, typeof has === "number" ? has : 0);
    else {
      const [there, more] = [Array.isArray(has) ? has : [], Array.isArray(value) ? value : []];
      const known = contexts(there);
      parameters[name] = [
        ...there,
        ...more.filter((one) => !contexts([one]).some((context) => known.includes(context))),
      ];
    }
  }
  return { type: wanted.type, parameters };
}

/** Names of the checks in `required_status_checks`. */
function contexts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown) =>
    typeof one === "object" && one !== null && "context" in one ? [String(one.context)] : [],
  );
}

function described({ type, parameters = {} }: WantedRule): string {
  const told = Object.entries(parameters).flatMap(([name, value]) => {
    const words = name.replaceAll("_", " ");
    if (Array.isArray(value)) return contexts(value);
    return value === false || value === 0 ? [] : [value === true ? words : `${words}: ${String(value)}`];
  });
  return told.length === 0 ? type.replaceAll("_", " ") : told.join(", ");
}

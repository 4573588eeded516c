import { readWorkflow, type Step } from "../read-schedules.ts";

/** An environment of the repository as its workflows need it. */
export interface WantedEnvironment {
  readonly name: string;
  /** Somebody approves each run before it reaches what lies there. */
  readonly reviewed: boolean;
  /** Names that its jobs read as secrets alone. */
  readonly secrets: readonly string[];
  /** Names that its jobs read as variables. */
  readonly variables: readonly string[];
  /** Variables of the repository without which none of its jobs runs, e.g. S3_REPLICA_BUCKET. */
  readonly onlyWith: readonly string[];
  /** Steps of its jobs that run an action of this repository. */
  readonly steps: readonly Step[];
}

/** What GitHub has to have and to enforce, told by the workflows themselves. */
export interface WantedRepository {
  readonly environments: readonly WantedEnvironment[];
  /** Variables that GitHub reads before a job has an environment. */
  readonly variables: readonly string[];
}

/** Whose secrets can overwrite production, or take a private key of the owner's out of its sleep. */
const reviewed: ReadonlySet<string> = new Set(["restore"]);
/** Ends with the session that it belongs to. */
const neverStored: ReadonlySet<string> = new Set(["AWS_SESSION_TOKEN"]);

/** @throws ConfigurationError `workflow-unreadable` */
export function wantedRepository(
  workflows: readonly { readonly path: string; readonly text: string }[],
): WantedRepository {
  const found = new Map<string, Found>();
  const ofRepository = new Set<string>();
  for (const { path, text } of workflows) {
    for (const { environment, if: condition, "runs-on": runner, ...job } of Object.values(
      readWorkflow(path, text).jobs,
    )) {
      for (const name of namesIn("vars", [condition, runner])) ofRepository.add(name);
      if (environment === undefined) {
        for (const name of namesIn("vars", job)) ofRepository.add(name);
        continue;
      }
      const asks = conditionsIn(condition);
      const kept = found.get(environment) ?? { secrets: new Set(), variables: new Set(), onlyWith: asks, steps: [] };
      kept.onlyWith = kept.onlyWith.filter((one) => asks.includes(one));
      found.set(environment, kept);
      for (const name of namesIn("vars", job)) kept.variables.add(name);
      for (const name of namesIn("secrets", job)) kept.secrets.add(name);
      kept.steps.push(...job.steps.filter(({ uses }) => uses?.startsWith("./actions/")));
    }
  }
  const environments = [...found].map(([name, { secrets, variables, onlyWith, steps }]) => ({
    ...{ name, reviewed: reviewed.has(name), onlyWith, steps },
    // `vars.X || secrets.X`: a variable, unless somebody has chosen to hide it.
    secrets: [...secrets].filter((secret) => !variables.has(secret) && !neverStored.has(secret)).sort(),
    variables: [...variables].sort(),
  }));
  return { environments: environments.sort((a, b) => (a.name < b.name ? -1 : 1)), variables: [...ofRepository].sort() };
}

interface Found {
  readonly secrets: Set<string>;
  readonly variables: Set<string>;
  onlyWith: string[];
  readonly steps: Step[];
}

/** `vars.X != ''` and `vars.X == 'on'` in the condition of a job. */
function conditionsIn(condition: unknown): string[] {
  return [...String(condition ?? "").matchAll(/\bvars\.(\w+) (?:!= ''|== '[^']+')/g)].map(([, name = ""]) => name);
}

function namesIn(context: "vars" | "secrets", value: unknown): string[] {
  const text = JSON.stringify(value) ?? "";
  return [...text.matchAll(new RegExp(`\\b${context}\\.(\\w+)`, "g"))].map(([, name = ""]) => name);
}

/** One rule of a branch: GitHub's name, and the least that its parameters have to say. */
export interface WantedRule {
  readonly type: string;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

export interface WantedRuleset {
  /** As GitHub shows it; what an earlier run made is found by it. */
  readonly name: string;
  readonly branch: string;
  readonly rules: readonly WantedRule[];
}

/** The check that a pull request has to pass: the last job of ci.yml. */
export const requiredCheck = "ci-ok";

/**
 * @param canReview more than one person can agree to a change: GitHub lets nobody approve a change of their own, so with a single one no
 * change could ever be made
 */
export function wantedRulesets(canReview: boolean): readonly WantedRuleset[] {
  const neverRewritten: readonly WantedRule[] = [{ type: "deletion" }, { type: "non_fast_forward" }];
  const pullRequest = {
    required_approving_review_count: canReview ? 1 : 0,
    require_code_owner_review: canReview,
    dismiss_stale_reviews_on_push: true,
    require_last_push_approval: canReview,
    required_review_thread_resolution: false,
  };
  const checks = {
    required_status_checks: [{ context: requiredCheck }],
    strict_required_status_checks_policy: false,
  };
  return [
    {
      ...{ name: "Lifeboat: main", branch: "main" },
      rules: [
        ...neverRewritten,
        { type: "pull_request", parameters: pullRequest },
        { type: "required_status_checks", parameters: checks },
      ],
    },
    // The monitor's job adds to it without a pull request; nobody takes anything away.
    { name: "Lifeboat: reports", branch: "reports", rules: neverRewritten },
  ];
}

import { type Drift, environmentDrift, guardsMain, limitsOf, rulesDrift } from "../../../policy/repository/drift.ts";
import { wantedRulesets } from "../../../policy/repository/wanted.ts";
import type { Context } from "../../context.ts";
import { givenValues } from "./given-values.ts";
import {
  readCodeownersErrors,
  readEnvironments,
  readRulesets,
  readSecretNames,
  readSubject,
  readVariables,
} from "./read-settings.ts";
import type { OpenRepository } from "./repository.ts";
import { settingProblems } from "./requirements.ts";

/** What GitHub has and enforces, held against what the workflows need. */
export interface GithubTruth {
  /** Each by name. */
  readonly drifts: readonly Drift[];
  /** How many properties were looked at. */
  readonly looked: number;
  /** What cannot be enforced here, and what protects in its place: one sentence each. */
  readonly unenforced: readonly string[];
  /** What subjects of this repository's tokens begin with, e.g. `repo:ada/backups`. */
  readonly subject: string | undefined;
}

/** Asks GitHub what is really there. What this token may not list is a drift of its own: nobody knows. */
export async function checkGithub(context: Context, opened: OpenRepository): Promise<GithubTruth> {
  const { ask, wanted, owners, rules, isPrivate } = opened;
  const limits = limitsOf(isPrivate, rules);
  const drifts: Drift[] = [...rulesDrift(rules, owners.canReview)];
  const rulesets = wantedRulesets(owners.canReview);
  let looked = limits.rules ? 0 : rulesets.reduce((sum, one) => sum + one.rules.length, 0);
  if (!limits.rules) {
    const own = await readRulesets(
      ask,
      rulesets.map(({ name }) => name),
    );
    for (const { name, bypass_actors: actors = [] } of own) {
      looked++;
      if (actors.length > 0)
        drifts.push({
          ...{ property: `ruleset "${name}": bypass`, is: `${actors.length} may pass over it`, should: "nobody" },
          ...{ next: "Settings, Rules, Rulesets: empty its bypass list.", state: "warning" },
        });
    }
  }
  const there = await readEnvironments(
    ask,
    wanted.environments.map(({ name }) => name),
  );
  const ofRepository = await readVariables(ask, "");
  for (const one of wanted.environments) {
    const seen = there.find(({ name }) => name === one.name);
    const path = `/environments/${encodeURIComponent(one.name)}`;
    const secrets = seen && (await readSecretNames(ask, path));
    const variables = seen && (await readVariables(ask, path));
    const isUsed = one.onlyWith.every((name) => ofRepository[name] !== undefined);
    const problems =
      isUsed && seen !== undefined
        ? await settingProblems(one, { ...ofRepository, ...variables }, secrets ?? [], context.config().policyPath)
        : [];
    // A value that a job refuses is as good as none.
    const needed = problems.map(({ setting }) => setting);
    const set = givenValues(one, context.env).variables;
    const merged = seen && {
      ...seen,
      secrets,
      variables: Object.fromEntries(Object.entries(variables ?? {}).filter(([name]) => !needed.includes(name))),
    };
    drifts.push(...environmentDrift(one, merged, limits, guardsMain(rules), { needed, set }));
    looked += 1 + Number(one.reviewed) + (secrets?.length ?? 0) + Object.keys(variables ?? {}).length + needed.length;
  }
  const wrongLines = await readCodeownersErrors(ask);
  looked++;
  if (wrongLines.length > 0)
    drifts.push({
      ...{
        property: "CODEOWNERS",
        is: `GitHub ignores line ${wrongLines.join(", ")}`,
        should: "every line names somebody",
      },
      ...{ next: "Put in your own team or name (.github/CODEOWNERS), and commit it.", state: "warning" },
    });
  const { use_default, sub_claim_prefix: subject } = await readSubject(ask);
  looked++;
  if (!use_default)
    drifts.push({
      ...{ property: "OIDC subject", is: "a template of its own", should: "GitHub's default", state: "critical" },
      next: "Reset it: `gh api -X PUT repos/{owner}/{repo}/actions/oidc/customization/sub -F use_default=true`. AWS's roles trust the default alone.",
    });
  const asks = there.some(({ name, reviewers }) => name === "restore" && reviewers.length > 0);
  return { drifts, looked, unenforced: unenforced(limits, asks, owners.canReview), subject };
}

function unenforced(limits: { rules: boolean; reviewers: boolean }, asks: boolean, canReview: boolean): string[] {
  return [
    ...(limits.rules
      ? [
          "GitHub's plan has neither rules of branches nor limits of environments for this private repository: whoever can push reads every secret and changes what runs. GitHub Pro, Team or a public repository has them.",
        ]
      : []),
    ...(limits.reviewers && !asks
      ? [
          "Nobody is asked before the environment restore (private repositories have required reviewers with GitHub Enterprise alone): production's ref has to be typed, and the tick *write* set.",
        ]
      : []),
    ...(canReview
      ? []
      : [
          "CODEOWNERS names one person, who cannot approve changes of their own: main asks for pull requests and ci-ok, not for a second person.",
        ]),
  ];
}

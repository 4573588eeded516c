import type { Asker } from "../../../base/ask.ts";
import { LifeboatError } from "../../../base/errors.ts";
import type { Environment } from "../../../config/environment.ts";
import { guardsMain, limitsOf, type PlanLimits, type SeenRules } from "../../../policy/repository/drift.ts";
import { type WantedEnvironment, type WantedRepository, wantedRulesets } from "../../../policy/repository/wanted.ts";
import type { Context } from "../../context.ts";
import { bringEnvironment, bringValues } from "./bring-environment.ts";
import { bringRuleset } from "./bring-rules.ts";
import type { Deed } from "./deed.ts";
import { type GivenValues, givenValues, keyProblem } from "./given-values.ts";
import { type AskGithub, readEnvironments, readRulesets, readSecretNames, readVariables } from "./read-settings.ts";
import type { OpenRepository } from "./repository.ts";
import { settingProblems } from "./requirements.ts";
import { resolveReviewers } from "./reviewers.ts";

export interface Provisioning {
  /** Folder of the private keys; undefined: they are not put anywhere. */
  readonly keys: string | undefined;
  /** ARN of the AWS role by environment, as far as they are known. */
  readonly roles: Readonly<Record<string, string>>;
  readonly dryRun: boolean;
  /** Whom to ask for secrets that nobody has set; undefined: nobody is there. */
  readonly asker: Asker | undefined;
}

/** Brings the repository's settings to what the workflows need. Nothing that is stricter already is touched. */
export async function bringRepository(
  context: Context,
  { ask, wanted, owners, rules, isPrivate }: OpenRepository,
  { keys, roles, dryRun, asker }: Provisioning,
): Promise<readonly Deed[]> {
  const deeds: Deed[] = [];
  const { reviewers, deeds: unknown } = await resolveReviewers(ask, owners.names);
  deeds.push(...unknown);
  deeds.push(...(await bringRules(ask, rules, limitsOf(isPrivate, rules), owners.canReview, dryRun)));
  const repository = givenValues({ name: "repository", secrets: [], variables: wanted.variables }, context.env);
  const there = await readVariables(ask, "").catch(ignoreRefusal);
  deeds.push(
    ...(await bringValues(
      "repository",
      "/actions",
      repository,
      { secrets: [], variables: there ?? {} },
      { ask, dryRun },
    )),
  );
  const set = { ...there, ...repository.variables };
  const environments = await readEnvironments(ask, namesOf(wanted));
  const how = { ask, dryRun, reviewers, mainGuarded: guardsMain(rules) };
  for (const one of wanted.environments) {
    context.signal.throwIfAborted();
    const kept = environments.find(({ name }) => name === one.name);
    deeds.push(...(await bringEnvironment(one, kept, how)));
    const isUsed = one.onlyWith.every((name) => set[name] !== undefined);
    deeds.push(
      ...(await bringSettings(context, one, { ...how, keys, roles, asker, isUsed, exists: kept !== undefined })),
    );
  }
  return deeds;
}

const namesOf = ({ environments }: WantedRepository): string[] => environments.map(({ name }) => name);

async function bringRules(
  ask: AskGithub,
  rules: SeenRules,
  limits: PlanLimits,
  canReview: boolean,
  dryRun: boolean,
): Promise<Deed[]> {
  const wanted = wantedRulesets(canReview);
  if (limits.rules)
    return wanted.map(({ name, branch }) => ({
      ...{ where: `branch ${branch}`, what: `ruleset "${name}"`, outcome: "not on this plan" },
    }));
  const there = await readRulesets(
    ask,
    wanted.map(({ name }) => name),
  );
  const deeds: Deed[] = [];
  for (const one of wanted) {
    const own = there.find(({ name }) => name === one.name);
    deeds.push(await bringRuleset(one, rules, own, { ask, dryRun }));
  }
  return deeds;
}

interface Settings extends Omit<Provisioning, "asker"> {
  readonly ask: AskGithub;
  readonly asker: Asker | undefined;
  /** Its jobs run. */
  readonly isUsed: boolean;
  /** It was there before. */
  readonly exists: boolean;
}

/** Puts into one environment what is given, and names what its jobs lack; a value that they would refuse is not stored. */
async function bringSettings(context: Context, wanted: WantedEnvironment, settings: Settings): Promise<Deed[]> {
  const { ask, dryRun, keys, roles, asker, isUsed, exists } = settings;
  const { policy, policyPath } = context.config();
  const where = `environment ${wanted.name}`;
  const path = `/environments/${encodeURIComponent(wanted.name)}`;
  const given = givenValues(wanted, context.env, { keys, roles });
  const stored = exists || !dryRun ? await readStored(ask, path) : { secrets: [], variables: {} };
  const problemsOf = async ({ secrets, variables }: GivenValues) => {
    const known: Environment = { ...stored.variables, ...variables, ...secrets };
    const wrongKey = await keyProblem(wanted.name, { secrets, variables }, policy);
    const problems = isUsed ? await settingProblems(wanted, known, stored.secrets, policyPath) : [];
    return wrongKey === undefined
      ? problems
      : [wrongKey, ...problems.filter(({ setting }) => setting !== wrongKey.setting)];
  };
  let problems = await problemsOf(given);
  const missing = problems.filter(({ setting }) => wanted.secrets.includes(setting) && !(setting in given.secrets));
  let values = given;
  if (asker !== undefined && !dryRun && missing.length > 0) {
    const typed: Record<string, string> = {};
    for (const { setting } of missing) {
      const value = await asker.hidden(`${setting} of the environment ${wanted.name}`);
      if (value !== "") typed[setting] = value;
    }
    values = { ...given, secrets: { ...given.secrets, ...typed } };
    problems = await problemsOf(values);
  }
  const wrong = problems.map(({ setting }) => setting);
  const fine = (all: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !wrong.includes(name)));
  const deeds = await bringValues(
    ...([
      where,
      path,
      { secrets: fine(values.secrets), variables: fine(values.variables) },
      stored,
      { ask, dryRun },
    ] as const),
  );
  return [
    ...deeds,
    ...problems.map(({ setting, text }): Deed => {
      const isGiven = setting in values.secrets || setting in values.variables;
      return { where, what: setting, outcome: isGiven ? "refused" : "missing", note: text };
    }),
  ];
}

async function readStored(
  ask: AskGithub,
  path: string,
): Promise<{ readonly secrets: readonly string[]; readonly variables: Readonly<Record<string, string>> }> {
  const [secrets, variables] = await Promise.all([
    readSecretNames(ask, path).catch(ignoreRefusal),
    readVariables(ask, path).catch(ignoreRefusal),
  ]);
  return { secrets: secrets ?? [], variables: variables ?? {} };
}

/** What may not be listed may perhaps be written: that is tried, and told by name. */
function ignoreRefusal(error: unknown): undefined {
  if (error instanceof LifeboatError && (error.code === "github-refused" || error.code === "github-plan"))
    return undefined;
  throw error;
}

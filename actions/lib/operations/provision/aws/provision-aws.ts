import { findProvider } from "../../../aws/identity.ts";
import { openStacks, type PlannedChange, type Proposal, type StackFacts, type Stacks } from "../../../aws/stacks.ts";
import { ConfigurationError } from "../../../base/errors.ts";
import { type Environment, optional } from "../../../config/environment.ts";
import type { Values } from "../../../policy/cloud/document.ts";
import { projectName, valuesOf } from "../../../policy/cloud/parameters.ts";
import { parametersOf, type StackName, stacks, templateOf } from "../../../policy/cloud/stacks.ts";
import { audience, issuer } from "../../../policy/cloud/trust.ts";
import { weakerThan } from "../../../policy/cloud/weaker.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { accountPlace, type Buckets, bucketsOf, subjectOf } from "../place.ts";
import { rolesIn } from "./deployed-roles.ts";
import { assertNoBuckets } from "./free-names.ts";
import { assertNoOwnDenials } from "./own-denials.ts";
import { toldStacks } from "./page.ts";
import { kindOf, refusedChanges, stackName } from "./plan.ts";
import type { StackResult } from "./result.ts";

export interface Request {
  readonly repository: string | undefined;
  readonly keepBuckets: boolean;
  readonly revert: boolean;
  readonly dryRun: boolean;
}

interface Work {
  readonly stack: StackName;
  readonly name: string;
  readonly region: string;
  readonly stacks: Stacks;
  readonly found: StackFacts | undefined;
  readonly kind: "CREATE" | "UPDATE";
  readonly template: string;
  readonly revert: boolean;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Makes or changes the stacks, the replica first: the vault copies into it, and the roles are about both. Everything that can be refused is
 * refused before the first change.
 * @throws ConfigurationError `stack-half-made`, `stack-busy`, `bucket-exists`, `weaker`, `own-denials`, `alarm-email-missing`, `provider-audience`; as
 * `bucketsOf`, `subjectOf`; OperationError `stack-failed`, `stack-refused`
 */
export async function provisionAws(context: Context, request: Request): Promise<Told> {
  const { env, signal, log } = context;
  const buckets = bucketsOf(context);
  const names = stacksFor(buckets, request);
  const open = new Map<string, Stacks>();
  const stacksIn = (region: string): Stacks => {
    const opened = open.get(region) ?? openStacks(accountPlace(env, region));
    open.set(region, opened);
    return opened;
  };
  try {
    const project = projectName(context.config().policy);
    const works = await Promise.all(
      names.map(async (stack) => {
        const region = stack === "replica" ? (buckets.replica?.region ?? "") : buckets.database.region;
        const name = stackName(project, stack);
        const found = await stacksIn(region).find(name);
        return { stack, name, region, stacks: stacksIn(region), found, kind: kindOf(name, found) };
      }),
    );
    const values = await valuesFor(context, buckets, request, works.find(({ stack }) => stack === "access")?.found);
    const { revert } = request;
    const prepared = works.map((work) => ({ ...work, ...textsOf(work.stack, values), revert }));
    await refuseBefore(context, prepared, buckets);
    if (revert) await assertNoOwnDenials(context, buckets, request.keepBuckets);
    const proposals = new Map<string, Proposal | undefined>();
    for (const work of prepared.filter(({ kind }) => kind === "UPDATE"))
      proposals.set(work.name, await proposeUpdate(work, signal));
    const results: StackResult[] = [];
    for (const work of prepared) {
      const { stack, name, region, kind, parameters, stacks } = work;
      const told = { stack, name, region, parameters: withoutAddress(parameters) };
      if (request.dryRun) {
        const proposal = proposals.get(name);
        if (proposal !== undefined) await stacks.discard(name, proposal);
        const changes = kind === "CREATE" ? newResources(stack) : (proposal?.changes ?? []);
        const outcome = kind === "CREATE" ? "would be made" : changes.length > 0 ? "would change" : "as it was";
        results.push({ ...told, outcome, changes });
        continue;
      }
      const proposal = kind === "CREATE" ? await stacks.propose(work, signal) : proposals.get(name);
      if (proposal === undefined) {
        results.push({ ...told, outcome: "as it was", changes: [] });
        continue;
      }
      log.info(`${kind === "CREATE" ? "making" : "changing"} the stack ${name} in ${region}`);
      await stacks.carryOut(name, proposal, signal);
      results.push({ ...told, outcome: kind === "CREATE" ? "made" : "changed", changes: proposal.changes });
    }
    return toldStacks({
      dryRun: request.dryRun,
      stacks: results,
      roles: await rolesIn(accountPlace(env, buckets.database.region), project),
    });
  } finally {
    for (const stacks of open.values()) stacks.close();
  }
}

function stacksFor({ replica }: Buckets, { keepBuckets }: Request): StackName[] {
  if (keepBuckets) return ["access"];
  return [...(replica === undefined ? [] : (["replica"] as const)), "vault", "access"];
}

async function valuesFor(
  context: Context,
  { database, files, replica }: Buckets,
  { repository, keepBuckets }: Request,
  access: StackFacts | undefined,
): Promise<Values> {
  return valuesOf(context.config().policy, {
    ...{ database: database.bucket, files: files.bucket, replica: replica?.bucket },
    alarmEmail: keepBuckets ? "" : alarmAddress(context.env),
    repository: await subjectOf(context, repository),
    provider: await providerFor(context, database.region, access),
  });
}

/** The stack's own stays the stack's; one that somebody else has made is adopted, because an account has only one. */
async function providerFor(
  { env }: Context,
  region: string,
  access: StackFacts | undefined,
): Promise<string | undefined> {
  const found = await findProvider(accountPlace(env, region), issuer);
  if (found === undefined || access?.parameters["GitHubProvider"] === "") return undefined;
  if (!found.audiences.includes(audience))
    throw new ConfigurationError(
      "provider-audience",
      `The account's OIDC provider for GitHub does not take the audience ${audience}. Nothing was changed`,
      `\`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${found.arn} --client-id ${audience}\`, then run it again.`,
    );
  return found.arn;
}

function alarmAddress(env: Environment): string {
  const [first] = (optional(env, "ALERT_EMAIL_TO") ?? "").split(",");
  const address = first?.trim() ?? "";
  if (/^[^@\s]+@[^@\s]+$/.test(address)) return address;
  throw new ConfigurationError(
    "alarm-email-missing",
    "Whom the alarm of the account tells is not set.",
    "Set ALERT_EMAIL_TO: AWS sends a letter there once, with a link that has to be followed.",
  );
}

function textsOf(stack: StackName, values: Values) {
  const entries = parametersOf(stack).map((name) => [name, [values[name] ?? ""].flat().join(",")] as const);
  return { template: JSON.stringify(templateOf(stack)), parameters: Object.fromEntries(entries) };
}

async function refuseBefore(context: Context, works: readonly Work[], buckets: Buckets): Promise<void> {
  const weaker: string[] = [];
  for (const { stack, name, kind, template, parameters, found, stacks } of works) {
    if (kind === "UPDATE")
      weaker.push(
        ...otherBuckets(found?.parameters ?? {}, parameters),
        ...weakerThan(await stacks.template(name), template),
      );
    else if (stack === "replica") await assertNoBuckets(context, [buckets.replica ?? buckets.database]);
    else if (stack === "vault") await assertNoBuckets(context, [buckets.database, buckets.files]);
  }
  if (weaker.length > 0) throw refused(weaker);
}

/** The old bucket would be left behind, and the new one empty. */
function otherBuckets(old: Work["parameters"], next: Work["parameters"]): string[] {
  return (["DatabaseBucket", "FilesBucket", "ReplicaBucket"] as const)
    .filter((name) => old[name] !== undefined && next[name] !== undefined && old[name] !== next[name])
    .map((name) => `${name} would be ${next[name]} in the place of ${old[name]}`);
}

async function proposeUpdate(work: Work, signal: AbortSignal): Promise<Proposal | undefined> {
  const proposal = await work.stacks.propose(work, signal);
  const problems = refusedChanges(proposal?.changes ?? []);
  if (proposal === undefined || problems.length === 0) return proposal;
  await work.stacks.discard(work.name, proposal);
  throw refused(problems);
}

function refused(problems: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    "weaker",
    `The change would make the vault weaker: ${problems.join("; ")}. Nothing was changed`,
    "Set the buckets' names and the policy as they were. What is really meant is done by hand in the console, by two people (runbooks/aws-account.md).",
  );
}

function newResources(stack: StackName): PlannedChange[] {
  return Object.entries(stacks[stack].resources).map(([resource, { Type }]) => ({
    ...{ action: "Add", resource, type: Type, replacement: undefined },
  }));
}

function withoutAddress(parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return "AlarmEmail" in parameters ? { ...parameters, AlarmEmail: "(ALERT_EMAIL_TO)" } : parameters;
}

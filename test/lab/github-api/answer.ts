import sodium from "libsodium-wrappers";
import {
  branchPolicyBody,
  environmentBody,
  type Rule,
  rulesetBody,
  rulesOf,
  secretBody,
  toldBranch,
  toldEnvironment,
  toldKey,
  toldOwnerErrors,
  toldPolicies,
  toldRepository,
  toldRuleset,
  toldSecrets,
  toldSubject,
  toldVariables,
  variableBody,
} from "./published.ts";
import { type GithubWorld, type LabEnvironment, newEnvironment } from "./world.ts";

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly location?: string;
}

export interface Question {
  readonly method: string;
  /** Below the repository's, e.g. `/environments`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly rights: "admin" | "write" | "none";
}

/** GitHub's own words (github.com/integrations/terraform-provider-github#1311, backstage/backstage#28977, pulumi/pulumi-github#251). */
const words = {
  upgrade: "Upgrade to GitHub Pro or make this repository public to enable this feature.",
  branches: "Fail to create protected rule, please ensure billing plan include protected branch gate.",
  reviewers:
    "Failed to create the environment protection rule. Please ensure the billing plan supports the required reviewers protection rule.",
};
const refuse = (status: number, message: string): Answer => ({ status, body: { message, status: String(status) } });
const missing = refuse(404, "Not Found");
const forbidden = refuse(403, "Resource not accessible by personal access token");
const wrong = refuse(422, "Validation Failed");

/** What GitHub answers about a repository's settings, and does. */
export function answer(world: GithubWorld, asked: Question): Answer {
  const { method, path, rights } = asked;
  if (rights === "none") return missing;
  const refused = world.refused.find(({ request }) => request.test(`${method} ${path}`));
  if (refused !== undefined) return refuse(refused.status, refused.status === 404 ? "Not Found" : "Refused");
  const admin = rights === "admin";
  const reads = method === "GET" && !/\/(secrets|variables)\b|^\/rulesets\/|^\/actions\/oidc/.test(path);
  if (!(admin || reads)) return forbidden;
  if (path === "") return { status: 200, body: toldRepository(world, admin) };
  if (path === "/actions/oidc/customization/sub") return { status: 200, body: toldSubject(world) };
  // docs.github.com, List repository collaborators: with affiliation, those of teams and of the organization too.
  if (path === "/collaborators")
    return { status: 200, body: [...world.collaborators].map(([login, role_name]) => ({ login, role_name })) };
  if (path === "/codeowners/errors") return { status: 200, body: toldOwnerErrors(world) };
  if (path.startsWith("/rule")) return answerRules(world, asked);
  if (path === "/branches/main") {
    const isProtected = world.protectedOtherwise || (hasRules(world) && rulesOf(world, "main").length > 0);
    return { status: 200, body: toldBranch(world, isProtected) };
  }
  if (path.startsWith("/actions/variables"))
    return answerVariables(world.variables, asked, path.slice("/actions/variables".length));
  if (path === "/environments") {
    const all = [...world.environments].map(([name, one]) => toldEnvironment(world, name, one));
    return listed(all, "environments", asked);
  }
  const [, name = "", rest = ""] = /^\/environments\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  return name === "" ? missing : answerEnvironment(world, decodeURIComponent(name), rest, asked);
}

function answerEnvironment(world: GithubWorld, name: string, rest: string, asked: Question): Answer {
  if (rest === "" && asked.method === "PUT") return putEnvironment(world, name, asked.body);
  const it = world.environments.get(name);
  if (it === undefined) return missing;
  if (rest === "") return { status: 200, body: toldEnvironment(world, name, it) };
  if (rest === "/deployment-branch-policies") return answerPolicies(world, it, asked);
  if (rest === "/secrets/public-key") return { status: 200, body: toldKey(world) };
  if (rest === "/secrets") return listed(toldSecrets(it), "secrets", asked);
  if (rest.startsWith("/variables")) return answerVariables(it.variables, asked, rest.slice("/variables".length));
  const secret = /^\/secrets\/([^/]+)$/.exec(rest)?.[1];
  return secret !== undefined && asked.method === "PUT" ? putSecret(world, it, secret, asked.body) : missing;
}

/** All of its rules are replaced by what is sent: what is left out is gone. */
function putEnvironment(world: GithubWorld, name: string, body: unknown): Answer {
  const read = environmentBody.safeParse(body ?? {});
  if (!read.success) return wrong;
  const { wait_timer = 0, prevent_self_review = false, reviewers, deployment_branch_policy: limit } = read.data;
  const paid = !world.isPrivate || world.plan === "enterprise";
  if (!paid && ((reviewers ?? []).length > 0 || wait_timer > 0)) return refuse(422, words.reviewers);
  if (!hasRules(world) && limit !== undefined && limit !== null) return refuse(422, words.branches);
  const asked = (reviewers ?? []).flatMap(({ type = "User", id = 0 }) => ({ type, id }));
  const known = ({ type, id }: (typeof asked)[number]) =>
    [...(type === "User" ? world.users : world.teams).values()].includes(id);
  if (!asked.every(known)) return wrong;
  const it = world.environments.get(name) ?? newEnvironment(world);
  Object.assign(it, { waitTimer: wait_timer, preventSelfReview: prevent_self_review, reviewers: asked });
  it.limit = limit ?? null;
  world.environments.set(name, it);
  return { status: 200, body: toldEnvironment(world, name, it) };
}

function answerPolicies(world: GithubWorld, it: LabEnvironment, asked: Question): Answer {
  if (it.limit?.custom_branch_policies !== true) return missing;
  if (asked.method === "GET") return listed(toldPolicies(it), "branch_policies", asked);
  const read = branchPolicyBody.safeParse(asked.body);
  if (!read.success) return wrong;
  if (it.policies.some(({ name }) => name === read.data.name)) return { status: 303, location: "/" };
  const policy = { id: world.nextId++, ...read.data };
  it.policies.push(policy);
  return { status: 200, body: policy };
}

function putSecret(world: GithubWorld, it: LabEnvironment, name: string, body: unknown): Answer {
  const read = secretBody.safeParse(body);
  if (!read.success || read.data.key_id !== world.keys.id) return wrong;
  const { publicKey, privateKey } = world.keys;
  const sealed = sodium.from_base64(read.data.encrypted_value, sodium.base64_variants.ORIGINAL);
  let opened: string;
  try {
    opened = sodium.to_string(sodium.crypto_box_seal_open(sealed, publicKey, privateKey));
  } catch {
    return wrong;
  }
  const status = it.secrets.has(name) ? 204 : 201;
  it.secrets.set(name, opened);
  return { status, body: status === 201 ? {} : undefined };
}

function answerVariables(variables: Map<string, string>, asked: Question, rest: string): Answer {
  if (rest === "" && asked.method === "GET") return listed(toldVariables(variables), "variables", asked);
  const read = variableBody.safeParse({ name: rest.slice(1), ...(asked.body as object) });
  if (!read.success) return wrong;
  const { name, value } = read.data;
  if (variables.has(name) !== (asked.method === "PATCH"))
    return asked.method === "PATCH" ? missing : refuse(409, "Already exists");
  variables.set(name, value);
  return asked.method === "PATCH" ? { status: 204 } : { status: 201, body: {} };
}

function answerRules(world: GithubWorld, { method, path, body }: Question): Answer {
  if (!hasRules(world)) return refuse(403, words.upgrade);
  const branch = /^\/rules\/branches\/(.+)$/.exec(path)?.[1];
  if (branch !== undefined) return { status: 200, body: rulesOf(world, branch) };
  if (path === "/rulesets" && method === "GET")
    return { status: 200, body: world.rulesets.map((one) => toldRuleset(world, one, false)) };
  const id = Number(/^\/rulesets\/(\d+)$/.exec(path)?.[1]);
  const at = world.rulesets.findIndex((one) => one.id === id);
  const there = world.rulesets[at];
  if (path !== "/rulesets" && there === undefined) return missing;
  if (method === "GET") return there === undefined ? missing : { status: 200, body: toldRuleset(world, there, true) };
  const read = rulesetBody.safeParse(body);
  if (!read.success) return wrong;
  const { name, enforcement, conditions, bypass_actors: bypass, rules } = read.data;
  if (world.rulesets.some((one) => one.name === name && one !== there)) return wrong;
  const kept = {
    ...{ id: there?.id ?? world.nextId++, name, enforcement, include: conditions.ref_name.include },
    // The description's union of rules is wider than what is taken here.
    ...{ rules: rules as Rule[], bypass: bypass ?? there?.bypass ?? [] },
  };
  if (there === undefined) world.rulesets.push(kept);
  else world.rulesets[at] = kept;
  return { status: there === undefined ? 201 : 200, body: toldRuleset(world, kept, true) };
}

function hasRules({ isPrivate, plan }: GithubWorld): boolean {
  return !isPrivate || plan !== "free";
}

function listed(all: readonly unknown[], key: string, { query }: Pick<Question, "query">): Answer {
  const most = key === "variables" ? 30 : 100;
  const size = Math.min(most, Number(query.get("per_page") ?? (key === "variables" ? 10 : 30)));
  const page = Number(query.get("page") ?? "1");
  return { status: 200, body: { total_count: all.length, [key]: all.slice((page - 1) * size, page * size) } };
}

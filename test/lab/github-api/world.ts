import sodium from "libsodium-wrappers";
import type { Rule } from "./published.ts";

/** An environment of the repository, with what GitHub would never give back. */
export interface LabEnvironment {
  readonly id: number;
  waitTimer: number;
  preventSelfReview: boolean;
  reviewers: { readonly type: "User" | "Team"; readonly id: number }[];
  /** Null: every branch's runs reach it. */
  limit: { readonly protected_branches: boolean; readonly custom_branch_policies: boolean } | null;
  readonly policies: { readonly id: number; readonly name: string; readonly type: "branch" | "tag" }[];
  /** Opened, as a job would be given them. */
  readonly secrets: Map<string, string>;
  readonly variables: Map<string, string>;
}

export interface LabRuleset {
  readonly id: number;
  name: string;
  enforcement: "active" | "disabled" | "evaluate";
  include: readonly string[];
  rules: readonly Rule[];
  bypass: readonly {
    readonly actor_id: number;
    readonly actor_type: "RepositoryRole";
    readonly bypass_mode: "always";
  }[];
}

/** One repository of GitHub's, as its settings go. Everything can be changed by a test. */
export interface GithubWorld {
  owner: string;
  name: string;
  readonly ids: { readonly owner: number; readonly repository: number };
  /** GitHub leads from these to the present one. */
  readonly formerNames: Set<string>;
  ownedBy: "User" | "Organization";
  isPrivate: boolean;
  plan: "free" | "team" | "enterprise";
  /** What a token may do; one that is not here is nobody's. */
  readonly tokens: Map<string, "admin" | "write" | "none">;
  readonly users: Map<string, number>;
  readonly teams: Map<string, number>;
  /** What each may do with the repository. */
  readonly collaborators: Map<string, string>;
  readonly environments: Map<string, LabEnvironment>;
  readonly variables: Map<string, string>;
  readonly rulesets: LabRuleset[];
  /** The older protection of branches. */
  protectedOtherwise: boolean;
  subject: { use_default: boolean; include_claim_keys?: string[]; immutable: boolean };
  /** Of CODEOWNERS: GitHub knows nobody of that name. */
  readonly unownedLines: number[];
  /** Requests that are answered so, whoever asks: `PUT /environments/backup/secrets/DATABASE_URL`. */
  readonly refused: { readonly request: RegExp; readonly status: 403 | 404 | 422 | 500 }[];
  /** `METHOD path` of all that was asked, below the repository's own path. */
  readonly asked: string[];
  /** What secrets are sealed to. */
  readonly keys: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array; readonly id: string };
  nextId: number;
}

export async function newGithubWorld(repository: string, token: string): Promise<GithubWorld> {
  await sodium.ready;
  const [owner = "", name = ""] = repository.split("/");
  const { publicKey, privateKey } = sodium.crypto_box_keypair();
  return {
    ...{ owner, name, ids: { owner: 77, repository: 990 }, formerNames: new Set(), ownedBy: "Organization" },
    ...{ isPrivate: true, plan: "enterprise", protectedOtherwise: false, nextId: 1000 },
    tokens: new Map([[token, "admin"]]),
    users: new Map([
      ["ada", 1],
      ["grace", 2],
    ]),
    teams: new Map([["platform", 11]]),
    collaborators: new Map([
      ["ada", "admin"],
      ["grace", "write"],
    ]),
    ...{ environments: new Map(), variables: new Map(), rulesets: [], refused: [], asked: [], unownedLines: [] },
    subject: { use_default: true, immutable: false },
    keys: { publicKey, privateKey, id: "lab-key-1" },
  };
}

export function newEnvironment(world: GithubWorld): LabEnvironment {
  return {
    ...{ id: world.nextId++, waitTimer: 0, preventSelfReview: false, reviewers: [], limit: null, policies: [] },
    ...{ secrets: new Map(), variables: new Map() },
  };
}

/** What a job's expressions give: `vars.X || secrets.X`, of the environment before the repository. */
export function jobSettings(world: GithubWorld, environment: string): Readonly<Record<string, string>> {
  const of = world.environments.get(environment);
  if (of === undefined) return {};
  return Object.fromEntries([...of.secrets, ...world.variables, ...of.variables]);
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { optional } from "../../../config/environment.ts";
import type { SeenRules } from "../../../policy/repository/drift.ts";
import { type WantedRepository, wantedRepository } from "../../../policy/repository/wanted.ts";
import type { Context } from "../../context.ts";
import { readWorkflows } from "../../policy-check/promise-check.ts";
import { type Owners, readOwners } from "./owners.ts";
import { type AskGithub, githubAsker, githubSettings, readBranchRules, readRepository } from "./read-settings.ts";

/** The repository as it is asked about and changed. */
export interface OpenRepository {
  readonly ask: AskGithub;
  readonly name: string;
  readonly isPrivate: boolean;
  readonly wanted: WantedRepository;
  readonly owners: Owners;
  readonly rules: SeenRules;
}

const rights =
  "Give GITHUB_TOKEN the rights: a fine-grained token with Administration, Environments, Secrets, Variables and Actions (read and write), or `gh auth token` of an administrator.";

/**
 * Asks what everything else depends on, before anything is touched.
 * @param given owner/name; default: GITHUB_REPOSITORY, else where `origin` of the checkout leads
 * @throws ConfigurationError `configuration`, `github-rights`, `repository-renamed`, `default-branch`
 */
export async function openRepository(context: Context, given: string | undefined): Promise<OpenRepository> {
  // As AWS's roles know it, with ids, it is the same one.
  const name = given?.replaceAll(/@\d+/g, "") ?? optional(context.env, "GITHUB_REPOSITORY") ?? (await originOf());
  const settings = githubSettings(context.env, name);
  const ask = githubAsker(settings, rights);
  const found = await readRepository(ask).catch((error: unknown) => {
    if (!(error instanceof OperationError && error.code === "github-refused")) throw error;
    const what = `GitHub does not show ${settings.repository} to this token`;
    throw new ConfigurationError("github-rights", `${what}: ${error.message} Nothing was changed.`, rights, error);
  });
  if (found.full_name.toLowerCase() !== settings.repository.toLowerCase())
    throw new ConfigurationError(
      "repository-renamed",
      `The repository ${settings.repository} is called ${found.full_name} now. AWS's roles trust the old name: no job gets a role any more. Nothing was changed.`,
      `Run it with --repository ${found.full_name}, set GITHUB_REPOSITORY and \`git remote set-url origin\` to it, and run \`lifeboat provision aws\` again.`,
    );
  if (found.permissions?.admin === false)
    throw new ConfigurationError(
      "github-rights",
      `This token's owner is no administrator of ${found.full_name}. Nothing was changed.`,
      rights,
    );
  if (found.default_branch !== "main")
    throw new ConfigurationError(
      "default-branch",
      `The default branch of ${found.full_name} is ${found.default_branch}: GitHub starts schedules there, and every job here asks for main. Nothing was changed.`,
      "Rename it: Settings, General, Default branch.",
    );
  return {
    ...{ ask, name: found.full_name, isPrivate: found.private },
    ...{ wanted: wantedRepository(readWorkflows()), owners: readOwners(), rules: await readBranchRules(ask) },
  };
}

/** Where `origin` of the checkout leads, when that is GitHub. */
export async function originOf(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["remote", "get-url", "origin"]);
    return /github\.com[:/]([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(stdout.trim())?.[1];
  } catch {
    return undefined;
  }
}

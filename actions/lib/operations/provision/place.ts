import { ConfigurationError } from "../../base/errors.ts";
import { type Environment, optional } from "../../config/environment.ts";
import type { VaultLocation } from "../../config/vault-location.ts";
import { parameters } from "../../policy/cloud/parameters.ts";
import type { Context } from "../context.ts";
import { githubAsker, githubSettings, readSubject } from "./github/read-settings.ts";

/** The buckets that are set, by name and region. */
export interface Buckets {
  readonly database: VaultLocation;
  readonly files: VaultLocation;
  readonly replica: VaultLocation | undefined;
}

/** @throws ConfigurationError `configuration` for a replica in another account */
export function bucketsOf(context: Context): Buckets {
  const { vault } = context.config("vault");
  const files = context.has("storageVault") ? context.config("storageVault").storageVault : vault;
  const replica = context.has("replica") ? context.config("replica").replica : undefined;
  if (replica?.credentials !== undefined)
    throw new ConfigurationError(
      "replica-elsewhere",
      "The replica has credentials of its own (S3_REPLICA_ACCESS_KEY_ID): it lies in another account, which this command does not enter.",
      "Make the replica there by hand, as runbooks/replica.md says, and run this without S3_REPLICA_*.",
    );
  return { database: vault, files, replica };
}

/** Where AWS itself is asked: another address only where everything of AWS has it. */
export function accountPlace(env: Environment, region: string): { region: string; endpoint: string | undefined } {
  return { region, endpoint: optional(env, "AWS_ENDPOINT_URL") };
}

const repositoryForm = new RegExp(parameters.Repository.AllowedPattern);

/**
 * How GitHub's subjects name the repository, after `repo:`. GitHub is asked: since 2026 new and renamed repositories bear their ids.
 * @param given what the person says it is
 * @throws ConfigurationError `repository-unknown`, `repository-form`, `subject-own`; what asking GitHub throws
 */
export async function subjectOf(context: Context, given: string | undefined): Promise<string> {
  if (given !== undefined) return formed(given);
  if (optional(context.env, "GITHUB_REPOSITORY") === undefined || optional(context.env, "GITHUB_TOKEN") === undefined)
    throw new ConfigurationError(
      "repository-unknown",
      "Which repository's jobs the roles trust is not told.",
      "Set GITHUB_REPOSITORY to owner/name and GITHUB_TOKEN (`gh auth token`), or give --repository as `gh api repos/{owner}/{name}/actions/oidc/customization/sub` says it after `repo:`.",
    );
  const next = "Set GITHUB_TOKEN to a token that may read the repository, e.g. `export GITHUB_TOKEN=$(gh auth token)`.";
  const { use_default, sub_claim_prefix: prefix } = await readSubject(githubAsker(githubSettings(context.env), next));
  if (!use_default)
    throw new ConfigurationError(
      "subject-own",
      "The repository's OIDC subjects follow a template of its own, which the roles cannot be made for.",
      "Reset it: `gh api -X PUT repos/{owner}/{name}/actions/oidc/customization/sub -F use_default=true`.",
    );
  return formed(prefix?.replace(/^repo:/, "") ?? optional(context.env, "GITHUB_REPOSITORY") ?? "");
}

function formed(repository: string): string {
  if (repositoryForm.test(repository)) return repository;
  throw new ConfigurationError(
    "repository-form",
    "The repository is not of the form owner/name or owner@id/name@id.",
    "A star or a colon in it would let strangers' jobs take the roles.",
  );
}

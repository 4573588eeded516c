import { optional } from "../../config/environment.ts";
import { lostFailure } from "../../report/branch/lost-sets.ts";
import { readJobResults } from "../../report/run/job-results.ts";
import { noteVerifier, standingVerifiers } from "../../vault/configured.ts";
import { readStanding } from "../../vault/standing.ts";
import { loadOperations, namesOf } from "../catalogue.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { findPromiseJudge } from "../policy-check/promise-check.ts";
import type { Sources } from "./gather-news.ts";
import { originOf } from "./git.ts";
import { openGithubHistory } from "./github-history.ts";
import { publishedPage, runPublish } from "./run-publish.ts";
import { readVaultReports } from "./vault-reports.ts";

/** Publishes with what this job is told: the vault where it knows one, GitHub's list of runs where it has a token. */
export async function publish(
  context: Context,
  { jobs, token }: { readonly jobs: string; readonly token?: string | undefined },
): Promise<Told> {
  const { env, log, signal, run } = context;
  const results = readJobResults(jobs);
  const config = context.config();
  const server = optional(env, "GITHUB_SERVER_URL") ?? "https://github.com";
  const repository = optional(env, "GITHUB_REPOSITORY");
  const api = optional(env, "GITHUB_API_URL") ?? "https://api.github.com";
  const published = await runPublish({
    ...{ project: config.policy.project.name, run, results, env, log, signal, token, server },
    names: namesOf(await loadOperations()),
    vault: context.has("vault") ? await vaultSource(context) : undefined,
    history:
      repository === undefined || token === undefined ? undefined : openGithubHistory({ api, token, repository }),
    remote: (await originOf(env)) ?? `${server}/${repository}`,
    promises: await findPromiseJudge(config, log),
  });
  const failure = lostFailure(published.lost);
  return {
    result: published,
    outputs: { commit: published.commit ?? "", reports: String(published.told) },
    page: publishedPage(published),
    ...(failure !== undefined && { failure }),
  };
}

async function vaultSource(context: Context): Promise<Sources["vault"]> {
  const config = context.config("vault");
  const vault = await context.vault();
  const storage = context.has("storageVault") ? await context.files() : undefined;
  return {
    reports: async (since) => await readVaultReports(vault, await noteVerifier(config), { since, now: new Date() }),
    standing: async () => ({
      ...(await readStanding({ vault, storage, ...(await standingVerifiers(config)) })),
      source: "vault",
    }),
  };
}

import { optional } from "../lib/config/environment.ts";
import { loadConfig } from "../lib/config/load.ts";
import { optionalInput, runAction } from "../lib/edge/run-action.ts";
import { runIdentity } from "../lib/edge/run-identity.ts";
import { findPromiseJudge } from "../lib/operations/policy-check/promise-check.ts";
import { originOf } from "../lib/operations/publish/git.ts";
import { openGithubHistory } from "../lib/operations/publish/github-history.ts";
import { publishedPage, runPublish } from "../lib/operations/publish/run-publish.ts";
import { readVaultReports } from "../lib/operations/publish/vault-reports.ts";
import { lostFailure } from "../lib/report/branch/lost-sets.ts";
import { readJobResults } from "../lib/report/run/job-results.ts";
import { noteVerifier, openStorageVault, standingVerifiers } from "../lib/vault/configured.ts";
import { openVault } from "../lib/vault/s3/client.ts";
import { readStanding } from "../lib/vault/standing.ts";

await runAction("publish", "runbooks/report-missing.md", async ({ log, signal }) => {
  const { env } = process;
  const token = optionalInput("token");
  const results = readJobResults(optionalInput("jobs") ?? "{}");
  // Without a vault there is still what GitHub knows.
  const located = optional(env, "S3_BACKUP_BUCKET") === undefined ? undefined : await loadConfig({ needs: ["vault"] });
  const config = located ?? (await loadConfig({ needs: [] }));
  const server = optional(env, "GITHUB_SERVER_URL") ?? "https://github.com";
  const repository = optional(env, "GITHUB_REPOSITORY");
  const api = optional(env, "GITHUB_API_URL") ?? "https://api.github.com";
  const retry = { attempts: 4, totalSeconds: 60, stallSeconds: 20 };
  using vault = located && openVault({ ...located.vault, retry });
  using storage = located && (await openStorageVault({ retry }));
  const published = await runPublish({
    project: config.policy.project.name,
    run: runIdentity(env),
    results,
    vault:
      vault === undefined
        ? undefined
        : {
            reports: async (since) =>
              await readVaultReports(vault, await noteVerifier(config), { since, now: new Date() }),
            standing: async () => ({
              ...(await readStanding({ vault, storage, ...(await standingVerifiers(config)) })),
              source: "vault",
            }),
          },
    history:
      repository === undefined || token === undefined ? undefined : openGithubHistory({ api, token, repository }),
    remote: (await originOf(env)) ?? `${server}/${repository}`,
    token,
    server,
    promises: await findPromiseJudge(config, log),
    env,
    log,
    signal,
  });
  const failure = lostFailure(published.lost);
  return {
    outputs: { commit: published.commit ?? "", reports: String(published.told) },
    page: publishedPage(published),
    facts: {},
    ...(failure !== undefined && { failure }),
  };
});

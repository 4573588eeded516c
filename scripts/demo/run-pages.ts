import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../actions/lib/config/load.ts";
import { jobReport } from "../../actions/lib/edge/job-report.ts";
import { backupFacts, backupPage } from "../../actions/lib/operations/backup/page.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { countsSentence } from "../../actions/lib/operations/monitor/page.ts";
import { readVaultReports, writeVaultReport } from "../../actions/lib/operations/publish/vault-reports.ts";
import { restorationFacts, verdictSentence } from "../../actions/lib/operations/restore/page.ts";
import type { RestoreResult } from "../../actions/lib/operations/restore/result.ts";
import { restoreTestFacts, restoreTestSentence } from "../../actions/lib/operations/test-restore/page.ts";
import type { RestoreTestReport } from "../../actions/lib/operations/test-restore/request.ts";
import type { CheckResult } from "../../actions/lib/policy/monitor/check.ts";
import { buildPages } from "../../actions/lib/report/branch/build-pages.ts";
import { dashboardPath } from "../../actions/lib/report/branch/fold-runs.ts";
import type { RunFacts } from "../../actions/lib/report/run/run-report.ts";
import { noteSigner, noteVerifier, openStorageVault, standingRules } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { readStanding } from "../../actions/lib/vault/standing.ts";
import type { Owner } from "./owner.ts";
import { runLifeboat } from "./run-lifeboat.ts";

const root = new URL("../..", import.meta.url).pathname;

interface Told {
  readonly workflow: string;
  readonly operation: string;
  readonly sentence: string;
  readonly facts: RunFacts;
  readonly from: Date;
  readonly to: Date;
}

/** What was done, as the workflows would report it. */
export interface DemoRuns {
  readonly backup: BackupResult;
  readonly restore: RestoreResult & { readonly begunAt: Date; readonly endedAt: Date };
  readonly test: RestoreTestReport & { readonly endedAt: Date };
}

/**
 * Leaves the reports of the demo's runs in its vault, as jobs do, and builds from the vault what would be committed.
 * @param folder what was in it before goes
 * @returns the page to look at
 */
export async function writeRunPages(config: Config<"vault">, runs: DemoRuns, folder: string): Promise<string> {
  using vault = openVault(config.vault);
  const sign = await noteSigner(process.env);
  for (const [index, told] of toldOf(runs).entries()) {
    const env = { GITHUB_WORKFLOW: told.workflow, GITHUB_RUN_ID: `demo-${index + 1}`, GITHUB_EVENT_NAME: "demo" };
    const ending = { conclusion: "success", sentence: told.sentence, facts: told.facts, failure: null } as const;
    const times = { startedAt: told.from, endedAt: told.to };
    await writeVaultReport(vault, jobReport(ending, { operation: told.operation, env, ...times, warnings: [] }), sign);
  }
  const { reports } = await readVaultReports(vault, await noteVerifier(config));
  using storage = await openStorageVault();
  const standing = await readStanding({ vault, storage, ...(await standingRules(config)) });
  rmSync(folder, { recursive: true, force: true });
  const project = config.policy.project.name;
  buildPages(folder, { project, reports, standing: { ...standing, source: "vault" }, notes: [], now: new Date() });
  return join(folder, "index.html");
}

/**
 * `lifeboat monitor` over the demo's vault, as a person runs it at a terminal. There is no Supabase and no GitHub, so their checks are unknown.
 * @param folder where the dashboard goes
 * @returns what the monitor counts and finds critical, and the page to look at
 */
export async function drawDashboard(
  { settings, folder: home }: Owner,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly sentence: string; readonly page: string }> {
  const env = {
    ...{ PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", TMPDIR: home, ...settings },
    // Nothing of the demo leaves this machine.
    SUPABASE_STATUS_URL: "http://127.0.0.1:9",
  };
  // The command reads schedules and reviews where it is called. In our own checkout it would also read the branch `reports`, if it was
  // fetched there, which is another project's.
  const checkout = join(home, "checkout");
  mkdirSync(join(checkout, ".github"), { recursive: true });
  for (const name of [".github/workflows", "runbooks"]) symlinkSync(join(root, name), join(checkout, name));
  const printed = await runLifeboat(["monitor", "--json", "--out", folder], {
    ...{ env, signal, cwd: checkout, fine: [0, 1] },
  });
  const { checks } = JSON.parse(printed) as { readonly checks: readonly CheckResult[] };
  const critical = checks.filter(({ state }) => state === "critical").map(({ found }) => found);
  return { sentence: [countsSentence(checks), ...critical].join(" "), page: join(folder, dashboardPath) };
}

function toldOf({ backup, restore, test }: DemoRuns): Told[] {
  return [
    {
      workflow: "backup",
      operation: "backup",
      sentence: backupPage(backup).sentence,
      facts: backupFacts(backup),
      from: new Date(backup.startedAt),
      to: new Date(backup.finishedAt),
    },
    {
      workflow: "restore",
      operation: "restore",
      sentence: verdictSentence(restore),
      facts: restorationFacts(restore),
      from: restore.begunAt,
      to: restore.endedAt,
    },
    {
      workflow: "restore-test",
      operation: "test",
      sentence: restoreTestSentence(test),
      facts: restoreTestFacts(test),
      from: new Date(test.endedAt.getTime() - test.totalSeconds * 1000),
      to: test.endedAt,
    },
  ];
}

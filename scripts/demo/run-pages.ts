import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../actions/lib/config/load.ts";
import { jobReport } from "../../actions/lib/edge/job-report.ts";
import { backupFacts, backupPage } from "../../actions/lib/operations/backup/page.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { readVaultReports, writeVaultReport } from "../../actions/lib/operations/publish/vault-reports.ts";
import { restorationFacts, verdictSentence } from "../../actions/lib/operations/restore/page.ts";
import type { RestoreResult } from "../../actions/lib/operations/restore/result.ts";
import { restoreTestFacts, restoreTestSentence } from "../../actions/lib/operations/test-restore/page.ts";
import type { RestoreTestReport } from "../../actions/lib/operations/test-restore/request.ts";
import { buildPages } from "../../actions/lib/report/branch/build-pages.ts";
import type { RunFacts } from "../../actions/lib/report/run/run-report.ts";
import { noteSigner, noteVerifier, openStorageVault, standingRules } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { readStanding } from "../../actions/lib/vault/standing.ts";

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

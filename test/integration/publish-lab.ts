import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeVaultReport } from "../../actions/lib/operations/publish/vault-reports.ts";
import type { RunReport } from "../../actions/lib/report/run/run-report.ts";
import { noteSigner } from "../../actions/lib/vault/configured.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { becomeOwner } from "../../scripts/demo/owner.ts";
import { type LabActionsApi, startActionsApi } from "../lab/servers/actions-api.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type Ended, type LabOrigin, makeOrigin, runAction } from "./reports-lab.ts";

/** The action that publishes, run as a process: a bare repository as origin, a real S3 server, GitHub's API over HTTP. */
export interface PublishLab extends AsyncDisposable {
  readonly origin: LabOrigin;
  readonly api: LabActionsApi;
  readonly vault: Vault;
  publish(runId: string, change?: Record<string, string>, watch?: Parameters<typeof runAction>[2]): Promise<Ended>;
  /** Leaves a job's report in the vault. @returns its key */
  tell(report: RunReport): Promise<string>;
}

export const token = "ghs_planted0123456789abcdefghijklmnop";
const repository = "qimma/lifeboat";
let buckets = 0;

/** What the owner of the repository has set: keys, a policy, the store. */
export async function ownersSettings(): Promise<Readonly<Record<string, string>>> {
  return (await becomeOwner(mkdtempSync(join(tmpdir(), "reports-")), sharedS3())).settings;
}

/** So many minutes before this file was read, ISO 8601. */
export function ago(minutes: number): string {
  return new Date(begun - minutes * 60_000).toISOString();
}
const begun = Date.now();

export async function openPublishLab(settings: Readonly<Record<string, string>>): Promise<PublishLab> {
  const origin = makeOrigin();
  const api = await startActionsApi(repository);
  const bucket = `reports-${process.pid}-${Date.now()}-${++buckets}`;
  await sharedS3().createBucket(bucket);
  const vault = openVault(sharedS3().bucketAccess(bucket));
  return {
    ...{ origin, api, vault },
    publish: (runId, change = {}, watch = undefined) =>
      runAction(
        "publish-report",
        {
          ...settings,
          S3_BACKUP_BUCKET: bucket,
          GITHUB_WORKSPACE: origin.workspace,
          GITHUB_WORKFLOW: "backup",
          GITHUB_RUN_ID: runId,
          GITHUB_RUN_ATTEMPT: "1",
          GITHUB_JOB: "report",
          GITHUB_EVENT_NAME: "schedule",
          GITHUB_REPOSITORY: repository,
          GITHUB_SERVER_URL: "https://github.com",
          GITHUB_API_URL: api.url,
          INPUT_TOKEN: token,
          INPUT_JOBS: '{"backup":{"result":"success","outputs":{}}}',
          ...change,
        },
        watch,
      ),
    tell: async (report) => writeVaultReport(vault, report, await noteSigner(settings)),
    async [Symbol.asyncDispose]() {
      vault.close();
      origin[Symbol.dispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

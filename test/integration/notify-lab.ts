import { afterRun } from "../../actions/lib/edge/around-run.ts";
import { type Ending, jobReport } from "../../actions/lib/edge/job-report.ts";
import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import { readVaultReports } from "../../actions/lib/operations/publish/vault-reports.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { type HeartbeatServer, startHeartbeats } from "../lab/channels/heartbeat-server.ts";
import { type MailServer, startMailServer } from "../lab/channels/mail-server.ts";
import { type SlackServer, startSlack } from "../lab/channels/slack-server.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { openBackupLab, recordingLog } from "./backup-lab.ts";

export const planted = "amal.haddad@example.edu";
export const to = "on-call@example.org";

export const failed: Ending = {
  conclusion: "failure",
  sentence: "The dump failed.",
  facts: {},
  failure: {
    code: "dump-failed",
    message: `The dump of "<!channel>${planted}" failed: is & stays that way.`,
    next: "Run it again.",
    runbook: "runbooks/backup-failed.md",
  },
};

export const done: Ending = { conclusion: "success", sentence: "Done.", facts: {}, failure: null };

interface Scene {
  readonly ending: Ending;
  readonly env?: Record<string, string>;
  readonly at?: string;
  readonly hurry?: boolean;
  readonly unfinished?: boolean;
  readonly operation?: "backup" | "incident" | "release" | "test" | "verify" | "publish";
}

/** A vault for reports, and the channels that a run tells: the same vault for all tests of a file, new channels for each. */
export type NotifyLab = Awaited<ReturnType<typeof openNotifyLab>>;

export async function openNotifyLab() {
  const lab = await openBackupLab(sharedS3(), { lock: false });
  let channels = await startChannels();
  let runs = 0;

  function environment(runId: string, more: Record<string, string> = {}): Record<string, string> {
    return {
      ...lab.env("postgresql://lifeboat:s3cret-word@127.0.0.1:1/x"),
      ...{ GITHUB_WORKFLOW: "backup", GITHUB_RUN_ID: runId, GITHUB_JOB: "backup" },
      ...{ GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "qimma/lifeboat" },
      ...more,
    };
  }

  return {
    vault: lab.vault,
    environment,
    get slack(): SlackServer {
      return channels.slack;
    },
    get mail(): MailServer {
      return channels.mail;
    },
    get heartbeats(): HeartbeatServer {
      return channels.heartbeats;
    },
    async newChannels(): Promise<void> {
      await stopChannels(channels);
      channels = await startChannels();
    },
    byToken(): Record<string, string> {
      const { token, channel, apiUrl } = channels.slack;
      return { SLACK_BOT_TOKEN: token, SLACK_CHANNEL: channel, SLACK_API_URL: apiUrl };
    },
    byMail: (): Record<string, string> => ({ SMTP_URL: channels.mail.url, ALERT_EMAIL_TO: to }),
    /** Ends a run as an action does. @returns what was logged */
    async end(scene: Scene): Promise<readonly string[]> {
      const { ending, env = {}, at = "2026-11-24T03:00:00Z", hurry = false } = scene;
      const { unfinished = false, operation = "backup" } = scene;
      const whole = environment(env["GITHUB_RUN_ID"] ?? `${process.pid}${++runs}`, env);
      const log = recordingLog();
      const times = { startedAt: new Date(Date.parse(at) - 60_000), endedAt: new Date(at) };
      const report = jobReport(ending, { operation, env: whole, ...times, warnings: [] });
      const names = namesOf(await loadOperations());
      await afterRun(report, { env: whole, log, names, hurry, unfinished, news: ending.news });
      return log.lines;
    },
    async lastReport() {
      const { reports } = await readVaultReports(lab.vault, (bytes, armored) =>
        verifyDetached(bytes, armored, lab.signers),
      );
      return (runId: string) => reports.find(({ run }) => run.runId === runId)?.operations[0];
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await stopChannels(channels);
      await lab[Symbol.asyncDispose]();
    },
  };
}

async function startChannels() {
  const [slack, mail, heartbeats] = await Promise.all([startSlack(), startMailServer(), startHeartbeats()]);
  return { slack, mail, heartbeats };
}

async function stopChannels(channels: Awaited<ReturnType<typeof startChannels>>): Promise<void> {
  for (const server of Object.values(channels)) await server[Symbol.asyncDispose]();
}

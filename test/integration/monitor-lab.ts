import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import type { Check } from "../../actions/lib/operations/monitor/check.ts";
import { watch } from "../../actions/lib/operations/monitor/run-monitor.ts";
import type { Told } from "../../actions/lib/operations/operation.ts";
import { jobsBranch } from "../../actions/lib/operations/publish/reports-branch.ts";
import type { CheckState } from "../../actions/lib/policy/monitor/check.ts";
import { type MonitorState, parseState, statePath } from "../../actions/lib/policy/monitor/state.ts";
import { type ReceivedMail, startMailServer } from "../lab/channels/mail-server.ts";
import { startSlack } from "../lab/channels/slack-server.ts";
import { labPolicy, recordingLog } from "./backup-lab.ts";
import { makeOrigin } from "./reports-lab.ts";

/** One run of the monitor: when, and what its checks find. */
export interface LabRun {
  /** ISO 8601. */
  readonly at: string;
  readonly checks: Readonly<Record<string, CheckState>>;
  readonly silences?: NonNullable<PolicyInput["monitor"]>["silences"];
  /** Awaited by each check before it answers. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** The monitor with checks that find what a test says: a bare repository as origin, Slack and a mail server, no vault. */
export async function openMonitorLab() {
  const origin = makeOrigin();
  const [slack, mail] = await Promise.all([startSlack(), startMailServer()]);
  const env: Record<string, string> = {
    ...{ PATH: process.env["PATH"] ?? "", GITHUB_WORKSPACE: origin.workspace, LIFEBOAT_POLICY: "" },
    ...{ GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "qimma/lifeboat" },
    ...{ SLACK_BOT_TOKEN: slack.token, SLACK_CHANNEL: slack.channel, SLACK_API_URL: slack.apiUrl },
    ...{ SMTP_URL: mail.url, ALERT_EMAIL_TO: "on-call@example.org" },
  };
  let runs = 0;

  async function run({ at, checks, silences = [], meanwhile }: LabRun): Promise<Told> {
    const runId = String(++runs);
    const path = join(origin.workspace, `policy-${runId}.json`);
    const keys = { recipients: { operations: null, prover: null, escrow: null }, signing: [] };
    writeFileSync(path, JSON.stringify({ ...labPolicy(keys), monitor: { silences } }));
    const config = await loadConfig({ needs: [], env: { ...env, LIFEBOAT_POLICY: path } });
    const identity = { workflow: "monitor", runId, attempt: 1, url: null, event: "schedule" };
    const { signal } = new AbortController();
    using context = new Context({ config, log: recordingLog(), signal, run: identity });
    const looking = {
      ...{ context, now: new Date(at) },
      standing: () => Promise.reject(new Error("No vault is set.")),
      checks: () => Object.entries(checks).map(([id, state]) => labCheck(id, state, meanwhile)),
    };
    return await watch(looking, await jobsBranch(context, undefined));
  }

  return {
    ...{ origin, slack, mail, env, run },
    /** What lies on the branch. */
    state(): MonitorState | undefined {
      return parseState(origin.branch()?.read(statePath) ?? "");
    },
    /** Titles of Slack's messages, and subjects of mails, since the last time. */
    heard() {
      const told = slack.messages.splice(0).map(({ text }) => (text ?? "").split("\n")[0] ?? "");
      return { slack: told, mail: mail.mails.splice(0).map(subjectOf) };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      origin[Symbol.dispose]();
      await Promise.all([slack, mail].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

export type MonitorLab = Awaited<ReturnType<typeof openMonitorLab>>;

function labCheck(id: string, state: CheckState, meanwhile: LabRun["meanwhile"]): Check {
  return {
    ...{ id, group: "backups", title: `Check ${id}`, runbook: "runbooks/backup-failed.md" },
    async look() {
      await meanwhile?.();
      return { state, found: `It is ${state}.`, ...(state !== "ok" && { means: "Something.", next: "Look there." }) };
    },
  };
}

function subjectOf({ source }: ReceivedMail): string {
  return /^Subject: (.*)$/m.exec(source)?.[1]?.trim() ?? "";
}

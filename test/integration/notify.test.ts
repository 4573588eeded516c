import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { lookAtChannels } from "../../actions/lib/preflight/channel-rows.ts";
import { readVaultReports } from "../../actions/lib/report/vault-reports.ts";
import { afterRun, beforeRun } from "../../actions/lib/runtime/around-run.ts";
import { type Ending, jobReport } from "../../actions/lib/runtime/job-report.ts";
import { runIdentity } from "../../actions/lib/runtime/run-identity.ts";
import { type HeartbeatServer, startHeartbeats } from "../lab/channels/heartbeat-server.ts";
import { type IssueServer, startIssues } from "../lab/channels/issue-server.ts";
import { type MailServer, startMailServer } from "../lab/channels/mail-server.ts";
import { type SlackServer, startSlack } from "../lab/channels/slack-server.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, keysIn, openBackupLab, recordingLog } from "./backup-lab.ts";

const planted = "amal.haddad@example.edu";
const to = "on-call@example.org";
let lab: BackupLab;
let slack: SlackServer;
let mail: MailServer;
let heartbeats: HeartbeatServer;
let runs = 0;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), {
    lock: false,
    policy: (policy) => ({ ...policy, notify: { summary: { hour: 4 } } }),
  });
});
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(async () => {
  [slack, mail, heartbeats] = await Promise.all([startSlack(), startMailServer(), startHeartbeats()]);
});
afterEach(async () => {
  for (const server of [slack, mail, heartbeats]) await server[Symbol.asyncDispose]();
});

const failed: Ending = {
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
const done: Ending = { conclusion: "success", sentence: "Done.", facts: {}, failure: null };

interface Scene {
  readonly ending: Ending;
  readonly env?: Record<string, string>;
  /** Before the hour of the daily summary unless told. */
  readonly at?: string;
  readonly hurry?: boolean;
  readonly unfinished?: boolean;
  readonly operation?: "backup" | "test" | "verify" | "publish";
}

function environment(runId: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    ...lab.env("postgresql://lifeboat:s3cret-word@127.0.0.1:1/x"),
    ...{ GITHUB_WORKFLOW: "daily-backup", GITHUB_RUN_ID: runId, GITHUB_JOB: "backup" },
    ...{ GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "qimma/lifeboat" },
    ...more,
  };
}

const byToken = (): Record<string, string> => ({
  ...{ SLACK_BOT_TOKEN: slack.token, SLACK_CHANNEL: slack.channel, SLACK_API_URL: slack.apiUrl },
});
const byMail = (): Record<string, string> => ({ SMTP_URL: mail.url, ALERT_EMAIL_TO: to });

/** Ends a run as an action does. @returns what was logged */
async function end({
  ending,
  env = {},
  at = "2026-11-24T03:00:00Z",
  hurry = false,
  unfinished = false,
  operation = "backup",
}: Scene) {
  const whole = environment(env["GITHUB_RUN_ID"] ?? `${process.pid}${++runs}`, env);
  const log = recordingLog();
  const times = { startedAt: new Date(Date.parse(at) - 60_000), endedAt: new Date(at) };
  await afterRun(jobReport(ending, { operation, env: whole, ...times, warnings: [] }), {
    env: whole,
    log,
    hurry,
    unfinished,
  });
  return log.lines;
}

async function lastReport() {
  const { reports } = await readVaultReports(lab.vault);
  return (runId: string) => reports.find(({ run }) => run.runId === runId)?.operations[0];
}

describe("a failure", () => {
  test("is told at once: what, next step, runbook and run, escaped as Slack wants it", async () => {
    await end({ ending: failed, env: { ...byToken(), GITHUB_RUN_ID: "900" } });
    expect(slack.messages).toHaveLength(1);
    const said = JSON.stringify(slack.messages[0]);
    expect(said).toContain('The dump of \\"&lt;!channel&gt;[address]\\" failed: is &amp; stays that way.');
    expect(said).toContain("<https://github.com/qimma/lifeboat/blob/main/runbooks/backup-failed.md|");
    expect(said).toContain("<https://github.com/qimma/lifeboat/actions/runs/900|");
    expect(said).toContain("Run it again.");
  });

  test("of a later attempt, and that it works again, stand in the thread of the run; other runs have their own", async () => {
    const env = { ...byToken(), GITHUB_RUN_ID: "901" };
    await end({ ending: failed, env });
    await end({ ending: failed, env: { ...env, GITHUB_RUN_ATTEMPT: "2" } });
    await end({ ending: done, env: { ...env, GITHUB_RUN_ATTEMPT: "3" } });
    await end({ ending: failed, env: { ...byToken(), GITHUB_RUN_ID: "902" } });
    await end({ ending: done, env: { ...byToken(), GITHUB_RUN_ID: "903" } });
    // Neither the next job of the same attempt nor the publishing of reports is a recovery.
    await end({ ending: done, env });
    await end({ ending: done, env: { ...env, GITHUB_RUN_ATTEMPT: "2" }, operation: "publish" });
    const [first, second, third, other, ...more] = slack.messages;
    expect(more).toEqual([]);
    expect([first?.threadTs, second?.threadTs, third?.threadTs]).toEqual([undefined, first?.ts, first?.ts]);
    expect([second?.broadcast, third?.broadcast]).toEqual([true, false]);
    expect(other?.threadTs).toBeUndefined();
  });

  test("goes by the webhook of old where that is what is set", async () => {
    await end({ ending: failed, env: { SLACK_WEBHOOK_URL: slack.webhookUrl } });
    await end({ ending: done, env: { SLACK_WEBHOOK_URL: slack.webhookUrl } });
    expect(slack.messages.map(({ by }) => by)).toEqual(["webhook"]);
  });

  test.each([
    ["token_revoked", "token_revoked"],
    ["invalid_auth", "invalid_auth"],
    ["channel_not_found", "channel_not_found"],
    ["rate_limited:1800", "rate_limited"],
    ["hang", "timeout"],
  ])("goes to the next channel when Slack says %s, and the report says so", async (trouble, reason) => {
    slack.troubles.push(trouble);
    const runId = `910-${reason}`;
    const lines = await end({ ending: failed, env: { ...byToken(), ...byMail(), GITHUB_RUN_ID: runId } });
    expect(slack.messages).toEqual([]);
    expect(mail.mails).toHaveLength(1);
    expect(mail.mails[0]?.to).toEqual([to]);
    expect(mail.mails[0]?.source).toContain(`slack could not be told: ${reason}.`);
    expect(mail.mails[0]?.source).toMatch(/Subject: \[Lifeboat: FAILED\] Backup failed: daily-backup/);
    expect(lines).toContain(`slack could not be told: ${reason}.`);
    expect((await lastReport())(runId)?.untold).toEqual(["slack"]);
  });

  test.each(["http_503", "rate_limited:1"])("is tried once more when Slack says %s", async (trouble) => {
    slack.troubles.push(trouble);
    await end({ ending: failed, env: { ...byToken(), ...byMail() } });
    expect([slack.messages.length, slack.requests.length, mail.mails.length]).toEqual([1, 2, 0]);
  });

  test.each(["no_service", "http_500"])(
    "goes to the next channel when the webhook says %s for good",
    async (trouble) => {
      slack.troubles.push(trouble, trouble);
      await end({ ending: failed, env: { SLACK_WEBHOOK_URL: slack.webhookUrl, ...byMail() } });
      expect(mail.mails[0]?.source).toContain(`slack could not be told: ${trouble}.`);
    },
  );

  test("that reaches nobody is in the report, and no secret and no address is in the log", async () => {
    slack.troubles.push("token_revoked");
    mail.refuse(550);
    const lines = await end({ ending: failed, env: { ...byToken(), ...byMail(), GITHUB_RUN_ID: "920" } });
    expect((await lastReport())("920")?.untold).toEqual(["slack", "email"]);
    const log = lines.join("\n");
    expect(log).toContain("email could not be told: smtp_550.");
    for (const secret of [planted, to, slack.token, "p@ss word", "s3cret-word"]) expect(log).not.toContain(secret);
  });

  test("is told without a vault too, and half a setting is named", async () => {
    const lines = await end({
      ending: failed,
      env: { ...byMail(), S3_BACKUP_BUCKET: "", SLACK_BOT_TOKEN: slack.token },
    });
    expect(mail.mails).toHaveLength(1);
    expect(lines.join("\n")).toMatch(/SLACK_CHANNEL is not set/);
  });

  test("is not in any message with what is personal or secret", async () => {
    await end({ ending: failed, env: { ...byToken() } });
    await end({ ending: failed, env: { ...byMail() } });
    expect(slack.messages.length + mail.mails.length).toBe(2);
    const sent = JSON.stringify([slack.messages, mail.mails.map(({ source }) => source)]);
    for (const secret of [planted, slack.token, "p@ss word", "s3cret-word"]) expect(sent).not.toContain(secret);
  });
});

describe("an issue", () => {
  const byIssue = (server: IssueServer) => ({ GITHUB_TOKEN: server.token, GITHUB_API_URL: server.apiUrl });

  test("is opened when no other channel took it, commented on while it goes on, and closed when it works again", async () => {
    await using github = await startIssues("qimma/lifeboat");
    slack.troubles.push("token_revoked");
    await end({ ending: failed, env: { ...byToken(), ...byIssue(github) } });
    await end({ ending: failed, env: byIssue(github) });
    await end({ ending: failed, env: { ...byIssue(github), GITHUB_WORKFLOW: "weekly-export" } });
    await end({ ending: done, env: byIssue(github) });
    expect(github.issues.map(({ title, state, comments }) => [title, state, comments.length])).toEqual([
      ["Lifeboat alert: daily-backup, backup", "closed", 2],
      ["Lifeboat alert: weekly-export, backup", "open", 0],
    ]);
    expect(github.issues[0]?.body).toContain("slack could not be told: token_revoked.");
    expect(github.issues[0]?.body).toMatch(
      /^```text\n[\s\S]*\n```\n\n- \[Runbook: runbooks\/backup-failed\.md\]\(https:/,
    );
    expect(JSON.stringify(github.issues)).not.toContain(planted);
  });

  test("is not missed where the repository has none, or nothing is open", async () => {
    await using github = await startIssues("qimma/lifeboat");
    await end({ ending: done, env: byIssue(github) });
    github.refuse(410);
    const lines = await end({ ending: done, env: byIssue(github) });
    expect([github.issues, lines.filter((line) => line.includes("could not be told"))]).toEqual([[], []]);
  });
});

describe("the preflight", () => {
  test("says whether the channels would be heard, and posts nothing", async () => {
    const rows = await lookAtChannels({ ...byToken(), ...byMail(), HEARTBEAT_URL_SYNC: heartbeats.url });
    expect(rows.map(({ check, status }) => [check, status])).toEqual([
      ["slack", "ok"],
      ["email", "ok"],
      ["heartbeat", "ok"],
    ]);
    expect([slack.messages, slack.requests, mail.mails, heartbeats.beats]).toEqual([[], ["auth.test"], [], []]);
  });

  test("says what is not as it should be, without failing", async () => {
    slack.troubles.push("token_revoked");
    const url = mail.url.replace("p%40ss", "wrong");
    const rows = await lookAtChannels({ ...byToken(), SMTP_URL: url, ALERT_EMAIL_TO: to });
    expect(rows.map(({ check, status, found }) => [check, status, found])).toEqual([
      ["slack", "warn", "not reached: token_revoked"],
      ["email", "warn", "not reached: smtp_535"],
      ["heartbeat", "warn", expect.stringContaining("none is set")],
    ]);
    expect((await lookAtChannels({ SMTP_URL: "https://x.example" })).map(({ status }) => status)).toEqual(
      Array(3).fill("warn"),
    );
  });
});

describe("the heartbeat", () => {
  test("says when it begins, when it is done and when it failed, each operation by its own address", async () => {
    const env = { HEARTBEAT_URL: `${heartbeats.url}/all`, HEARTBEAT_URL_TEST: `${heartbeats.url}/test/?key=1` };
    const around = { env: environment("930", env), log: recordingLog(), hurry: false };
    await beforeRun(runIdentity(around.env), "backup", around);
    await end({ ending: done, env });
    await end({ ending: failed, env, operation: "test" });
    await end({ ending: done, env, operation: "verify" });
    expect(heartbeats.beats).toEqual(["/all/start", "/all", "/test/fail?key=1"]);
  });

  test("is not told of a job that another one goes on with, unless it failed", async () => {
    const env = { HEARTBEAT_URL: heartbeats.url, ...byToken(), GITHUB_RUN_ID: "932" };
    await end({ ending: failed, env, unfinished: true });
    await end({ ending: done, env, unfinished: true });
    await end({ ending: done, env: { ...env, GITHUB_RUN_ATTEMPT: "2" }, unfinished: true });
    expect(heartbeats.beats).toEqual(["/fail"]);
    expect(slack.messages).toHaveLength(1);
  });

  test("that is not heard fails nothing and is in the report", async () => {
    heartbeats.answerWith(404);
    const lines = await end({ ending: done, env: { HEARTBEAT_URL: heartbeats.url, GITHUB_RUN_ID: "931" } });
    expect(lines).toContain("The heartbeat (success) could not be sent: http_404.");
    expect((await lastReport())("931")?.untold).toEqual(["heartbeat"]);
  });
});

describe("the daily summary", () => {
  test("is sent once, by the first run after its hour, and not by a run that reached nobody", async () => {
    const at = "2026-11-24T04:30:00Z";
    slack.troubles.push("token_revoked");
    await end({ ending: done, env: byToken(), at });
    expect(slack.messages).toEqual([]);
    await end({ ending: done, env: byToken(), at });
    await end({ ending: done, env: byToken(), at });
    expect(slack.messages).toHaveLength(1);
    const said = JSON.stringify(slack.messages[0]);
    expect(said).toContain("Lifeboat on 2026-11-24");
    expect(said).toMatch(/Backup \(daily-backup\): \d+ done/);
    expect(said).toMatch(/promise is better than the truth/);
    expect(await keysIn(lab.vault, "notify/summaries/")).toEqual(["notify/summaries/2026-11-24.json"]);
  });

  test("is not sent before its hour, nor by a job that is being cancelled", async () => {
    await end({ ending: done, env: byToken(), at: "2026-11-25T03:59:00Z" });
    await end({
      ending: { ...failed, conclusion: "cancelled" },
      env: byMail(),
      at: "2026-11-25T05:00:00Z",
      hurry: true,
    });
    expect(slack.messages).toEqual([]);
    expect(mail.mails).toHaveLength(1);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { type Ending, runIdentity } from "../../actions/lib/edge/job-report.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { watchPromise } from "../../actions/lib/operations/recover/complete-loss/promise.ts";
import type { LossWork } from "../../actions/lib/operations/recover/complete-loss/work.ts";
import { type IssueServer, startIssues } from "../lab/channels/issue-server.ts";
import { VirtualClock } from "../lab/virtual-clock.ts";
import { recordingLog } from "./backup-lab.ts";
import { done, failed, type NotifyLab, openNotifyLab, planted, to } from "./notify-lab.ts";

let notify: NotifyLab;

beforeAll(async () => {
  notify = await openNotifyLab();
});
afterAll(() => notify?.[Symbol.asyncDispose]());
beforeEach(() => notify.newChannels());

test("a recovery that is past its promise tells people while it works, in the conversation in which it is told how it ended", async () => {
  const env = notify.environment("950", {
    ...{ ...notify.byToken(), ...notify.byMail(), GITHUB_WORKFLOW: "restore", GITHUB_JOB: "restore" },
  });
  const config = await loadConfig({ needs: [], env });
  const log = recordingLog();
  const { signal } = new AbortController();
  using context = new Context({ config, log, signal, run: runIdentity(env) });
  let facts = { request: { scenario: "complete-loss" }, promise: { decide: "2026-11-29T07:30:00.000Z", past: null } };
  const state = { id: "950", begunAt: "2026-11-29T06:00:00.000Z", times: [] };
  const note = async (more: object) => {
    facts = { ...facts, ...more };
  };
  const clock = new VirtualClock("2026-11-29T08:00:00.000Z");
  const of = { context, clock, log, env, sources: { vault: notify.vault }, facts: () => facts };
  await watchPromise({ ...of, state: { ...state, note } } as unknown as LossWork, [], signal);
  // All channels that are for what is critical.
  expect(log.lines.join("\n")).toContain("Told: slack, email.");
  expect(notify.mail.mails).toHaveLength(1);
  const ending: Ending = { ...failed, failure: failed.failure && { ...failed.failure, code: "phase-late" } };
  await notify.end({ ending, env });
  const [told, ended] = notify.slack.messages;
  expect(JSON.stringify(told)).toMatch(/PAST THE PROMISE.*lifeboat recover complete-loss --give-up/);
  expect([told?.threadTs, ended?.threadTs]).toEqual([undefined, told?.ts]);
});

describe("a failure", () => {
  test("is told at once: what, next step, runbook and run, escaped as Slack wants it", async () => {
    await notify.end({ ending: failed, env: { ...notify.byToken(), GITHUB_RUN_ID: "900" } });
    expect(notify.slack.messages).toHaveLength(1);
    const said = JSON.stringify(notify.slack.messages[0]);
    expect(said).toContain('The dump of \\"&lt;!channel&gt;[address]\\" failed: is &amp; stays that way.');
    expect(said).toContain("<https://github.com/qimma/lifeboat/blob/main/runbooks/backup-failed.md|");
    expect(said).toContain("<https://github.com/qimma/lifeboat/actions/runs/900|");
    expect(said).toContain("Run it again.");
  });

  test("of a later attempt, and that it works again, stand in the thread of the run; other runs have their own", async () => {
    const env = { ...notify.byToken(), GITHUB_RUN_ID: "901" };
    await notify.end({ ending: failed, env });
    await notify.end({ ending: failed, env: { ...env, GITHUB_RUN_ATTEMPT: "2" } });
    await notify.end({ ending: done, env: { ...env, GITHUB_RUN_ATTEMPT: "3" } });
    await notify.end({ ending: failed, env: { ...notify.byToken(), GITHUB_RUN_ID: "902" } });
    await notify.end({ ending: done, env: { ...notify.byToken(), GITHUB_RUN_ID: "903" } });
    // Neither the next job of the same attempt nor the publishing of reports is a recovery.
    await notify.end({ ending: done, env });
    await notify.end({ ending: done, env: { ...env, GITHUB_RUN_ATTEMPT: "2" }, operation: "publish" });
    const [first, second, third, other, ...more] = notify.slack.messages;
    expect(more).toEqual([]);
    expect([first?.threadTs, second?.threadTs, third?.threadTs]).toEqual([undefined, first?.ts, first?.ts]);
    expect([second?.broadcast, third?.broadcast]).toEqual([true, false]);
    expect(other?.threadTs).toBeUndefined();
  });

  test("goes by the webhook of old where that is what is set", async () => {
    await notify.end({ ending: failed, env: { SLACK_WEBHOOK_URL: notify.slack.webhookUrl } });
    await notify.end({ ending: done, env: { SLACK_WEBHOOK_URL: notify.slack.webhookUrl } });
    expect(notify.slack.messages.map(({ by }) => by)).toEqual(["webhook"]);
  });

  test.each([
    ["token_revoked", "token_revoked"],
    ["invalid_auth", "invalid_auth"],
    ["channel_not_found", "channel_not_found"],
    ["rate_limited:1800", "rate_limited"],
    ["hang", "timeout"],
  ])("goes to the next channel when Slack says %s, and the report says so", async (trouble, reason) => {
    notify.slack.troubles.push(trouble);
    const runId = `910-${reason}`;
    const lines = await notify.end({
      ending: failed,
      env: { ...notify.byToken(), ...notify.byMail(), GITHUB_RUN_ID: runId },
    });
    expect(notify.slack.messages).toEqual([]);
    expect(notify.mail.mails).toHaveLength(1);
    expect(notify.mail.mails[0]?.to).toEqual([to]);
    expect(notify.mail.mails[0]?.source).toContain(`slack could not be told: ${reason}.`);
    expect(notify.mail.mails[0]?.source).toMatch(/Subject: \[Lifeboat: FAILED\] Backup failed: backup/);
    expect(lines).toContain(`slack could not be told: ${reason}.`);
    expect((await notify.lastReport())(runId)?.untold).toEqual(["slack"]);
  });

  test.each(["http_503", "rate_limited:1"])("is tried once more when Slack says %s", async (trouble) => {
    notify.slack.troubles.push(trouble);
    await notify.end({ ending: failed, env: { ...notify.byToken(), ...notify.byMail() } });
    expect([notify.slack.messages.length, notify.slack.requests.length, notify.mail.mails.length]).toEqual([1, 2, 0]);
  });

  test.each(["no_service", "http_500"])(
    "goes to the next channel when the webhook says %s for good",
    async (trouble) => {
      notify.slack.troubles.push(trouble, trouble);
      await notify.end({ ending: failed, env: { SLACK_WEBHOOK_URL: notify.slack.webhookUrl, ...notify.byMail() } });
      expect(notify.mail.mails[0]?.source).toContain(`slack could not be told: ${trouble}.`);
    },
  );

  test("that reaches nobody is in the report, and no secret and no address is in the log", async () => {
    notify.slack.troubles.push("token_revoked");
    notify.mail.refuse(550);
    const lines = await notify.end({
      ending: failed,
      env: { ...notify.byToken(), ...notify.byMail(), GITHUB_RUN_ID: "920" },
    });
    expect((await notify.lastReport())("920")?.untold).toEqual(["slack", "email"]);
    const log = lines.join("\n");
    expect(log).toContain("email could not be told: smtp_550.");
    for (const secret of [planted, to, notify.slack.token, "p@ss word", "s3cret-word"])
      expect(log).not.toContain(secret);
  });

  test("is told without a vault too, and half a setting is named", async () => {
    const lines = await notify.end({
      ending: failed,
      env: { ...notify.byMail(), S3_BACKUP_BUCKET: "", SLACK_BOT_TOKEN: notify.slack.token },
    });
    expect(notify.mail.mails).toHaveLength(1);
    expect(lines.join("\n")).toMatch(/SLACK_CHANNEL is not set/);
  });

  test("is not in any message with what is personal or secret", async () => {
    await notify.end({ ending: failed, env: { ...notify.byToken() } });
    await notify.end({ ending: failed, env: { ...notify.byMail() } });
    expect(notify.slack.messages.length + notify.mail.mails.length).toBe(2);
    const sent = JSON.stringify([notify.slack.messages, notify.mail.mails.map(({ source }) => source)]);
    for (const secret of [planted, notify.slack.token, "p@ss word", "s3cret-word"]) expect(sent).not.toContain(secret);
  });
});

describe("an issue", () => {
  const byIssue = (server: IssueServer) => ({ GITHUB_TOKEN: server.token, GITHUB_API_URL: server.apiUrl });

  test("is opened when no other channel took it, commented on while it goes on, and closed when it works again", async () => {
    await using github = await startIssues("qimma/lifeboat");
    notify.slack.troubles.push("token_revoked");
    await notify.end({ ending: failed, env: { ...notify.byToken(), ...byIssue(github) } });
    await notify.end({ ending: failed, env: byIssue(github) });
    await notify.end({ ending: failed, env: { ...byIssue(github), GITHUB_ACTION: "weekly" } });
    await notify.end({ ending: done, env: byIssue(github) });
    expect(github.issues.map(({ title, state, comments }) => [title, state, comments.length])).toEqual([
      ["Lifeboat alert: backup, backup", "closed", 2],
      ["Lifeboat alert: backup, weekly, backup", "open", 0],
    ]);
    expect(github.issues[0]?.body).toContain("slack could not be told: token_revoked.");
    expect(github.issues[0]?.body).toMatch(
      /^```text\n[\s\S]*\n```\n\n- \[Runbook: runbooks\/backup-failed\.md\]\(https:/,
    );
    expect(JSON.stringify(github.issues)).not.toContain(planted);
  });

  test("is opened for an incident that began, although nothing failed, and closed when it is over", async () => {
    await using github = await startIssues("qimma/lifeboat");
    const begun = { ...done, sentence: "Incident x is on.", news: "begun" } as const;
    await notify.end({ ending: begun, env: byIssue(github), operation: "incident" });
    await notify.end({ ending: begun, env: { ...notify.byToken(), ...byIssue(github) }, operation: "incident" });
    expect(notify.slack.messages.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^Incident begun: .*Incident x is on\./s),
    ]);
    const ends = { ...done, sentence: "Ended: x.", news: "over" } as const;
    await notify.end({ ending: ends, env: { ...byIssue(github), ...notify.byMail() }, operation: "incident" });
    expect(notify.mail.mails.map(({ source }) => source)).toEqual([expect.stringContaining("Incident over")]);
    await notify.end({ ending: ends, env: byIssue(github), operation: "release" });
    expect(github.issues.map(({ state, comments }) => [state, comments.length])).toEqual([["closed", 1]]);
  });

  test("is not missed where the repository has none, or nothing is open", async () => {
    await using github = await startIssues("qimma/lifeboat");
    await notify.end({ ending: done, env: byIssue(github) });
    github.refuse(410);
    const lines = await notify.end({ ending: done, env: byIssue(github) });
    expect([github.issues, lines.filter((line) => line.includes("could not be told"))]).toEqual([[], []]);
  });
});

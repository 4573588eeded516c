import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { beforeRun } from "../../actions/lib/edge/around-run.ts";
import { reportedRun } from "../../actions/lib/edge/reported-run.ts";
import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import { checkChannels } from "../../actions/lib/operations/check/check-everything.ts";
import type { Told } from "../../actions/lib/operations/operation.ts";
import { recordingLog } from "./backup-lab.ts";
import { done, failed, type NotifyLab, openNotifyLab, to } from "./notify-lab.ts";

let notify: NotifyLab;

beforeAll(async () => {
  notify = await openNotifyLab();
});
afterAll(() => notify?.[Symbol.asyncDispose]());
beforeEach(() => notify.newChannels());

describe("the preflight", () => {
  test("says whether the channels would be heard, and posts nothing", async () => {
    const rows = await checkChannels({
      ...notify.byToken(),
      ...notify.byMail(),
      HEARTBEAT_URL_SYNC: notify.heartbeats.url,
    });
    expect(rows.map(({ check, status }) => [check, status])).toEqual([
      ["slack", "ok"],
      ["email", "ok"],
      ["heartbeat", "ok"],
    ]);
    expect([notify.slack.messages, notify.slack.requests, notify.mail.mails, notify.heartbeats.beats]).toEqual([
      [],
      ["auth.test"],
      [],
      [],
    ]);
  });

  test("says what is not as it should be, without failing", async () => {
    notify.slack.troubles.push("token_revoked");
    const url = notify.mail.url.replace("p%40ss", "wrong");
    const rows = await checkChannels({ ...notify.byToken(), SMTP_URL: url, ALERT_EMAIL_TO: to });
    expect(rows.map(({ check, status, found }) => [check, status, found])).toEqual([
      ["slack", "warn", "not reached: token_revoked"],
      ["email", "warn", "not reached: smtp_535"],
      ["heartbeat", "warn", expect.stringContaining("none is set")],
    ]);
    expect((await checkChannels({ SMTP_URL: "https://x.example" })).map(({ status }) => status)).toEqual(
      Array(3).fill("warn"),
    );
  });
});

describe("the heartbeat", () => {
  test("says when it begins, when it is done and when it failed, each operation by its own address", async () => {
    const env = {
      HEARTBEAT_URL: `${notify.heartbeats.url}/all`,
      HEARTBEAT_URL_TEST: `${notify.heartbeats.url}/test/?key=1`,
    };
    const around = { env: notify.environment("930", env), log: recordingLog(), names: namesOf(await loadOperations()) };
    await beforeRun("backup", around);
    await notify.end({ ending: done, env });
    await notify.end({ ending: failed, env, operation: "test" });
    await notify.end({ ending: done, env, operation: "verify" });
    expect(notify.heartbeats.beats).toEqual(["/all/start", "/all", "/test/fail?key=1"]);
  });

  test("of the daily sets is not called well by another set or a rehearsal, and hears of one that failed", async () => {
    const { url } = notify.heartbeats;
    const env = notify.environment("934", {
      ...{ HEARTBEAT_URL: `${url}/all`, HEARTBEAT_URL_BACKUP: `${url}/daily` },
      HEARTBEAT_URL_BACKUP_MONTHLY: `${url}/monthly`,
    });
    const operation = (await loadOperations()).find(({ name }) => name === "backup");
    if (operation === undefined) throw new Error("there is no backup");
    const there = { result: {}, lines: ["There is one."], skipped: true };
    const around = { operation, env, log: recordingLog(), signal: new AbortController().signal };
    const run = (tier: string, told: Told, dryRun = false) =>
      reportedRun({ ...around, inputs: () => ({ tier, dryRun }), work: async () => told });
    const failure = { code: "dump-failed", message: "It failed.", next: "Run it again." };
    await run("daily", { ...there, failure });
    await run("weekly", there);
    await run("daily", there, true);
    await run("weekly", { ...there, failure });
    await run("monthly", there);
    await run("daily", there);
    expect(notify.heartbeats.beats).toEqual([
      ...["/daily/start", "/daily/fail", "/daily/fail"],
      ...["/monthly/start", "/monthly", "/daily/start", "/daily"],
    ]);
  });

  test("is not told of a job that another one goes on with, unless it failed", async () => {
    const env = { HEARTBEAT_URL: notify.heartbeats.url, ...notify.byToken(), GITHUB_RUN_ID: "932" };
    await notify.end({ ending: failed, env, unfinished: true });
    await notify.end({ ending: done, env, unfinished: true });
    await notify.end({ ending: done, env: { ...env, GITHUB_RUN_ATTEMPT: "2" }, unfinished: true });
    expect(notify.heartbeats.beats).toEqual(["/fail"]);
    expect(notify.slack.messages).toHaveLength(1);
  });

  test("that is not heard fails nothing and is in the report", async () => {
    notify.heartbeats.answerWith(404);
    const lines = await notify.end({
      ending: done,
      env: { HEARTBEAT_URL: notify.heartbeats.url, GITHUB_RUN_ID: "931" },
    });
    expect(lines).toContain("The heartbeat (success) could not be sent: http_404.");
    expect((await notify.lastReport())("931")?.untold).toEqual(["heartbeat"]);
  });
});

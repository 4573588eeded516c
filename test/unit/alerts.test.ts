import { describe, expect, test } from "vitest";
import { type Ending, jobReport } from "../../actions/lib/edge/job-report.ts";
import { type Alert, alertSubject, alertText, runAlert } from "../../actions/lib/notify/alert.ts";
import { dailySummary } from "../../actions/lib/notify/daily-summary.ts";
import { escapeFor, slackMessage } from "../../actions/lib/notify/slack.ts";
import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import type { RunFacts, RunReport } from "../../actions/lib/report/run/run-report.ts";
import { judgeMessage } from "../lab/channels/slack-rules.ts";

const env = {
  GITHUB_WORKFLOW: "backup",
  GITHUB_RUN_ID: "4711",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_REPOSITORY: "qimma/lifeboat",
  GITHUB_JOB: "backup",
};
const facts: RunFacts = {
  ...{ set: "20261124T044107Z-1a2b3c4d", tier: "daily", snapshotAt: "2026-11-24T04:41:09.000Z" },
  ...{ plainBytes: 4_100_000_000, storedBytes: 1_200_000_000, tables: 41 },
};
const failure = {
  ...{ code: "dump-failed", message: "pg_dump ended with 1 at public.exams.", next: "Run it again." },
  runbook: "runbooks/backup-failed.md",
};
const words = {
  pageUrl: (path: string): string => `https://github.com/qimma/lifeboat/blob/main/${path}`,
  label: namesOf(await loadOperations()).label,
};

function report(change: Partial<Ending> = {}, at = "2026-11-24T04:41:07Z", warnings: string[] = []): RunReport {
  const ending: Ending = { conclusion: "failure", sentence: "It failed.", facts, failure, ...change };
  const [startedAt, endedAt] = [new Date(at), new Date(Date.parse(at) + 233_000)];
  return jobReport(ending, { operation: "backup", env, startedAt, endedAt, warnings });
}

describe("an alert", () => {
  test("says what happened to what, how big, how long, what to do, and where to read on", () => {
    const alert = runAlert(report({}, undefined, ["a lock was waited for"]), words);
    expect(alert.title).toBe("Backup failed: backup");
    const text = alertText(alert);
    for (const part of [
      "pg_dump ended with 1 at public.exams.",
      "set: 20261124T044107Z-1a2b3c4d (daily)",
      "size: 4.10 GB sealed to 1.20 GB, 41 tables",
      "took: 3 min 53 s",
      "what: dump-failed",
      "Warning: a lock was waited for",
      "Next: Run it again.",
      "https://github.com/qimma/lifeboat/blob/main/runbooks/backup-failed.md",
      "https://github.com/qimma/lifeboat/actions/runs/4711",
    ]) {
      expect(text).toContain(part);
    }
    expect(alertSubject(alert)).toBe("[Lifeboat: FAILED] Backup failed: backup");
  });

  test("tells at once of tables that jumped since the set before, though the backup went well; and so does the day", () => {
    const what = ["about 48,211 of the 48,211 rows of public.exams were changed"];
    const jumps = { since: "20261123T044107Z-1a2b3c4d", what, more: 2 };
    const made = report({ conclusion: "success", failure: null, facts: { ...facts, jumps } });
    const alert = runAlert(made, words, "jumps");
    expect(alertSubject(alert)).toBe("[Lifeboat: NOW] Backup made, and much has changed: backup");
    const said = `Since set ${jumps.since}: ${what[0]}.`;
    expect([alert.lines, alert.next]).toEqual([
      [said, "And 2 more tables."],
      expect.stringContaining("history --table"),
    ]);
    const day = dailySummary({ day: "2026-11-24", reports: [made], promises: undefined }, words);
    expect(day.lines).toEqual(expect.arrayContaining([said]));
    expect(runAlert(report({ conclusion: "success", failure: null }), words).next).toBeUndefined();
  });

  test("of a restore test says whether the set is proven", () => {
    const tested = jobReport(
      {
        conclusion: "success",
        sentence: "",
        facts: { ...facts, outcome: "proven", proof: "proofs/x.json" },
        failure: null,
      },
      { operation: "test", env, startedAt: new Date(0), endedAt: new Date(1000), warnings: [] },
    );
    expect(runAlert(tested, words).facts).toContainEqual(["outcome", "proven, with a signed proof"]);
  });
});

describe("a Slack message", () => {
  const nasty = '<!channel> & <https://evil.example|click> "x" <@U123> `y` *z* \u{1F6DF}';
  const alert = (change: Partial<Alert>): Alert => ({
    ...{ level: "failed", title: "t", sentence: "s", facts: [], lines: [], next: undefined, links: [] },
    ...change,
  });

  test.each<[string, Partial<Alert>]>([
    ["ordinary", runAlert(report(), words)],
    [
      "of names that look like markup",
      { title: nasty, sentence: nasty, facts: [[nasty, nasty]], lines: [nasty], next: nasty },
    ],
    ["too long everywhere", { title: "&".repeat(500), sentence: "<".repeat(9000), next: "é".repeat(9000) }],
    [
      "of too many lines and facts",
      { lines: Array(200).fill(nasty.repeat(200)), facts: Array(50).fill(["a", "&".repeat(4000)]) },
    ],
    ["of nothing but a title", { sentence: "" }],
    ["with links of many parameters", { links: [{ text: nasty, url: "https://x.example/?a=1&b=<2>|3" }] }],
  ])("that is %s is within Slack's limits and escaped", (_what, change) => {
    expect(judgeMessage(slackMessage(alert(change)))).toBeUndefined();
  });

  test("cuts no entity through", () => {
    expect(escapeFor("ab&", 6)).toBe("ab…");
    expect(escapeFor("a&b", 8)).toBe("a&amp;b");
    expect(escapeFor("<>&", 100)).toBe("&lt;&gt;&amp;");
  });
});

describe("the daily summary", () => {
  test("is one message about all that ran, the newest set of each, and what to do", () => {
    const done = { conclusion: "success", sentence: "Done.", failure: null } as const;
    const reports = [
      report(done),
      report({ ...done, conclusion: "skipped" }, "2026-11-24T06:11:00Z"),
      report({}, "2026-11-24T09:37:00Z"),
    ];
    const alert = dailySummary({ day: "2026-11-24", reports, promises: undefined }, words);
    expect(alert.level).toBe("failed");
    expect(alert.sentence).toBe("3 jobs ran in the last 24 hours, 1 failed.");
    expect(alert.lines).toEqual([
      "Backup (backup): 1 done, 1 had nothing to do, 1 FAILED; set 20261124T044107Z-1a2b3c4d, 1.20 GB in the vault, took 3 min 53 s.",
    ]);
    expect(judgeMessage(slackMessage(alert))).toBeUndefined();
  });

  test("tells the end of the audit trail, so that nobody can write anew what it was", () => {
    const trail = { count: 123, sha256: "ab".repeat(32) };
    const alert = dailySummary({ day: "2026-11-24", reports: [], promises: undefined, trail }, words);
    expect(alert.lines).toEqual([`Audit trail: head 123:${"ab".repeat(32)}.`]);
  });

  test("of a day without runs says that", () => {
    const alert = dailySummary({ day: "2026-11-24", reports: [], promises: undefined }, words);
    expect(alert.sentence).toBe("Nothing has run in the last 24 hours.");
  });
});

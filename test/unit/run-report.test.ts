import { describe, expect, test } from "vitest";
import { type Ending, jobReport } from "../../actions/lib/edge/job-report.ts";
import { reportKey } from "../../actions/lib/operations/publish/vault-reports.ts";
import { cleaner, cleanReport } from "../../actions/lib/report/run/clean-text.ts";
import { parseReport, runReportSchema, workOf } from "../../actions/lib/report/run/run-report.ts";

const env = {
  GITHUB_WORKFLOW: "backup",
  GITHUB_RUN_ID: "4711",
  GITHUB_RUN_ATTEMPT: "2",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_REPOSITORY: "qimma/lifeboat",
  GITHUB_EVENT_NAME: "schedule",
  GITHUB_JOB: "backup",
};
const facts = {
  operation: "backup",
  env,
  startedAt: new Date("2026-11-24T04:41:07Z"),
  endedAt: new Date("2026-11-24T04:45:00Z"),
  warnings: ["the same", "the same"],
} as const;
const done: Ending = { conclusion: "success", sentence: "Done.", facts: {}, failure: null };

describe("the report of a job", () => {
  test("says which run it was, and has its own place in the vault", () => {
    const report = runReportSchema.parse(jobReport(done, facts));
    expect(report.run).toEqual({
      workflow: "backup",
      runId: "4711",
      attempt: 2,
      url: "https://github.com/qimma/lifeboat/actions/runs/4711",
      event: "schedule",
    });
    expect(report.operations[0]?.warnings).toEqual(["the same"]);
    const key = "reports/2026/11/24/20261124T044107Z-4711-2-backup-backup-0a1b2c3d.json";
    expect(reportKey(report, "0a1b2c3d")).toBe(key);
    expect(reportKey(report)).not.toBe(reportKey(report));
  });

  test("says which of a job's works it was, where steps have names of their own", () => {
    const work = (GITHUB_ACTION: string) => workOf(jobReport(done, { ...facts, env: { ...env, GITHUB_ACTION } }));
    expect(["weekly", "backup", "__self", "2"].map(work)).toEqual(["backup, weekly", "backup", "backup", "backup"]);
  });

  test("can be made outside of GitHub, too", () => {
    const report = runReportSchema.parse(jobReport(done, { ...facts, env: {} }));
    expect(report.run).toMatchObject({ workflow: "by-hand", attempt: 1, url: null });
  });

  test("keeps its form however long a message is", () => {
    const failure = {
      code: "x",
      message: "m".repeat(9000),
      next: "n".repeat(9000),
      runbook: "runbooks/backup-failed.md",
    };
    const warnings = Array.from({ length: 300 }, (_, index) => `${index} ${"w".repeat(3000)}`);
    const ending: Ending = { conclusion: "failure", sentence: "s".repeat(9000), facts: {}, failure };
    const report = jobReport(ending, { ...facts, warnings });
    expect(runReportSchema.safeParse(report).success).toBe(true);
    expect(parseReport(Buffer.from(JSON.stringify(report)))).toEqual(report);
  });

  test("of another form is no report", () => {
    const text = JSON.stringify({ ...jobReport(done, facts), extra: 1 });
    expect(parseReport(Buffer.from(text))).toBeUndefined();
    expect(parseReport(Buffer.from("{"))).toBeUndefined();
    expect(parseReport(Buffer.from([0xff, 0xfe]))).toBeUndefined();
  });
});

describe("what is secret or personal", () => {
  const secrets = {
    DATABASE_URL: "postgresql://reader:p%40ss-word-1@db.example.org:5432/postgres",
    AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG",
    BACKUP_SIGNING_KEY: `-----BEGIN-----\n${"A1b2C3d4".repeat(8)}\n-----END-----`,
    AWS_REGION: "us-east-1",
    SHORT_TOKEN: "true",
  };
  const clean = cleaner(secrets);

  test.each([
    ["a connection string", `it was ${secrets.DATABASE_URL} there`, "it was [secret] there"],
    ["its password, as it stands and decoded", "p%40ss-word-1 p@ss-word-1", "[secret] [secret]"],
    ["a key", "wJalrXUtnFEMI/K7MDENG", "[secret]"],
    ["a line of a key", `x ${"A1b2C3d4".repeat(8)} y`, "x [secret] y"],
    ["an address", "table of noura.al-otaibi@personal.example failed", "table of [address] failed"],
  ])("is taken out: %s", (_what, text, expected) => expect(clean(text)).toBe(expected));

  test("and what is neither stays, in every corner of a report", () => {
    const failure = {
      code: "x",
      message: "see a@b.example",
      next: "at https://github.com",
      runbook: "runbooks/backup-failed.md",
    };
    const ending: Ending = {
      conclusion: "failure",
      sentence: "to a@b.example",
      facts: { stages: [{ name: "a@b.example", seconds: 1 }], rows: 5 },
      failure,
    };
    const report = jobReport(ending, { ...facts, warnings: ["true", "a@b.example"] });
    const cleaned = cleanReport(report, cleaner({ ...secrets, GITHUB_SERVER_URL: "https://github.com" }));
    expect(cleaned.run).toEqual(report.run);
    expect(cleaned.operations).toEqual([
      {
        ...report.operations[0],
        sentence: "to [address]",
        facts: { stages: [{ name: "[address]", seconds: 1 }], rows: 5 },
        warnings: ["true", "[address]"],
        failure: { ...failure, message: "see [address]" },
      },
    ]);
    expect(runReportSchema.safeParse(cleaned).success).toBe(true);
  });
});

import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import { mergeReports } from "../../actions/lib/report/run/merge-reports.ts";
import type { Conclusion, OperationReport, RunReport } from "../../actions/lib/report/run/run-report.ts";

const { ofWorkflow } = namesOf(await loadOperations());
const day = 86_400_000;

/** When the tests of reports look at them. */
export const now = new Date("2026-11-24T12:00:00.000Z");
const stages = ["preflight", "lease", "inventory", "schema and roles", "data", "inventory and recover page", "publish"];

/** A report as a job would leave it; what a test is not about is filled in. */
export function reportOf(change: {
  readonly workflow?: string;
  readonly runId?: string;
  readonly attempt?: number;
  readonly at?: string;
  readonly seconds?: number;
  readonly conclusion?: Conclusion;
  readonly operation?: Partial<OperationReport>;
}): RunReport {
  const { workflow = "backup", runId = "1", attempt = 1, at = "2026-11-24T04:41:00.000Z", seconds = 240 } = change;
  const conclusion = change.conclusion ?? "success";
  const times = { startedAt: at, endedAt: new Date(Date.parse(at) + seconds * 1000).toISOString() };
  const told: OperationReport = {
    operation: ofWorkflow(workflow)?.operation ?? workflow,
    job: "backup",
    ...times,
    conclusion,
    sentence: "What there is to say.",
    facts: {},
    warnings: [],
    failure: null,
    untold: [],
    ...change.operation,
  };
  const url = `https://github.com/qimma/lifeboat/actions/runs/${runId}`;
  return {
    format: "lifeboat-run/1",
    run: { workflow, runId, attempt, url, event: "schedule" },
    triggeredAt: at,
    ...times,
    conclusion,
    operations: [told],
    source: "job",
  };
}

/** What a project's workflows would report on one day; deterministic, so that two runs of a test see the same. */
export function simulatedDay(index: number, first: Date): RunReport[] {
  const date = new Date(first.getTime() + index * day);
  const at = (hour: number, minute: number): string =>
    new Date(date.getTime() + (hour * 60 + minute) * 60_000).toISOString();
  const runId = (each: number): string => String(10_000_000_000 + index * 20 + each);
  const bytes = Math.round(2e9 * 1.0004 ** index * (1 + 0.02 * Math.sin(index)));
  const set = (tier: "daily" | "weekly" | "monthly", time: string, scale: number) => ({
    set: `${time.slice(0, 19).replaceAll(/[-:]/g, "")}Z-${(index * 7919 + 268_435_456).toString(16).slice(-8)}`,
    tier,
    snapshotAt: time,
    plainBytes: Math.round(bytes * scale),
    storedBytes: Math.round(bytes * scale * 0.23),
    tables: 112,
    rows: 4_000_000 + index * 5200,
    stages: stages.map((name, each) => ({ name, seconds: 3.21 * each + (index % 17) })),
  });
  const sentence =
    "Set 20260101T044100Z-1a2b3c4d (daily) is in the vault: 112 tables, 4,000,000 rows, 2.00 GB sealed to 460 MB in 4 min, as of then, in s3://qimma-vault/database/daily/20260101T044100Z-1a2b3c4d/.";
  const made = (
    workflow: string,
    tier: "daily" | "weekly" | "monthly",
    each: number,
    hour: number,
    scale: number,
  ): RunReport => {
    const time = at(hour, 41);
    const failed = (index * 31 + each) % 97 === 0;
    const failure = {
      code: "dump-failed",
      message: "schema and roles: pg_dump ended with 1 (55P03).",
      next: "Run it again later.",
      runbook: "runbooks/backup-failed.md",
    };
    return reportOf({
      workflow,
      runId: runId(each),
      at: time,
      seconds: 180 + (index % 90) + scale * 40,
      conclusion: failed ? "failure" : "success",
      operation: failed ? { failure, sentence: failure.message } : { facts: set(tier, time, scale), sentence },
    });
  };
  const skipped = (workflow: string, each: number, hour: number): RunReport =>
    reportOf({
      workflow,
      runId: runId(each),
      at: at(hour, 11),
      seconds: 12,
      conclusion: "skipped",
      operation: { sentence: "The vault has today's daily set already." },
    });
  const reports = [made("backup", "daily", 0, 4, 1), skipped("backup", 1, 6), skipped("backup", 2, 9)];
  const files = { count: 400_000 + index * 90, bytes: 2e11 + index * 4e7, moved: 90, movedBytes: 4e7 };
  reports.push(
    reportOf({
      workflow: "backup",
      runId: runId(3),
      at: at(3, 20),
      seconds: 95,
      operation: { facts: { files, snapshotAt: at(3, 20) } },
    }),
    reportOf({ workflow: "monitor", runId: runId(4), at: at(9, 0), seconds: 20 }),
  );
  if (date.getUTCDay() === 0) {
    reports.push(made("backup", "weekly", 5, 1, 2.1), skipped("backup", 6, 3), skipped("backup", 7, 11));
    const archive = date.getUTCDate() <= 7 ? [made("backup", "monthly", 8, 2, 1.2)] : [skipped("backup", 8, 2)];
    reports.push(...archive, skipped("backup", 9, 5), skipped("retention", 10, 12));
  }
  if (date.getUTCDate() === 15) {
    const restoreSeconds = 700 + index / 10;
    const tested = { ...set("daily", at(4, 41), 1), restoreSeconds, outcome: "proven", proof: "proofs/x/y.json" };
    const test = reportOf({
      workflow: "restore-test",
      runId: runId(11),
      at: at(13, 0),
      seconds: 1200,
      operation: { facts: tested, job: "test" },
    });
    reports.push(mergeReports(test, test));
  }
  return reports;
}

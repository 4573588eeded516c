import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nextStarts } from "../../actions/lib/operations/monitor/next-starts.ts";
import { statusDocument } from "../../actions/lib/operations/monitor/status.ts";
import type { CheckState } from "../../actions/lib/policy/monitor/check.ts";
import { recoverable } from "../../actions/lib/policy/monitor/recoverable.ts";
import type { VaultTruth } from "../../actions/lib/policy/promises.ts";
import { planBranch } from "../../actions/lib/report/branch/plan-branch.ts";
import { calendars } from "../../actions/lib/report/dashboard/calendar.ts";
import { dashboardFiles } from "../../actions/lib/report/dashboard/page.ts";
import { statusSchema } from "../../actions/lib/report/dashboard/status.ts";
import type { OperationRow, RunRow } from "../../actions/lib/report/run/run-row.ts";
import { madeAt, promises, standing, yearFacts } from "./dashboard-scene.ts";

const fresh: VaultTruth = {
  newestSetAt: "2026-11-30T04:14:00.000Z",
  newestFilesAt: "2026-11-30T03:14:00.000Z",
  proven: { snapshotAt: "2026-11-28T04:14:00.000Z", provenAt: "2026-11-29T04:14:00.000Z", restoreSeconds: 900 },
};

function answersOf(vault: VaultTruth | undefined, own?: CheckState, check = promises()): Record<string, string> {
  const supabase = own === undefined ? undefined : { state: own };
  const all = recoverable({ promises: check, vault, supabase });
  return Object.fromEntries(all.map(({ scenario, answer }) => [scenario, answer]));
}

test.each<[string, VaultTruth | undefined, string]>([
  ["all is there and proven", fresh, "yes"],
  ["nothing was ever proven", { ...fresh, proven: undefined }, "gaps"],
  [
    "an incident is on",
    { ...fresh, incident: { id: "20261130T010000Z-00000000", reason: "lost laptop", since: null } },
    "gaps",
  ],
  ["no copy of the files is known", { ...fresh, newestFilesAt: undefined }, "late"],
  ["the vault has no set", { ...fresh, newestSetAt: undefined }, "no"],
  ["the vault could not be asked", undefined, "unknown"],
])("a complete loss, when %s", (_, vault, answer) => {
  expect(answersOf(vault, "ok")["completeLoss"]).toBe(answer);
  expect(answersOf(vault, "ok")["regionalDisaster"]).toBe(answer);
});

test.each<[CheckState | undefined, VaultTruth | undefined, string]>([
  ["ok", fresh, "yes"],
  ["ok", undefined, "yes"],
  ["warning", fresh, "gaps"],
  ["unknown", fresh, "unknown"],
  ["critical", fresh, "late"],
  ["critical", { ...fresh, newestSetAt: undefined }, "no"],
  // Nobody counts on Supabase's own backups: the vault is what there is.
  [undefined, fresh, "yes"],
  [undefined, undefined, "unknown"],
])("a database failure, when Supabase's own backups are %s", (own, vault, answer) => {
  expect(answersOf(vault, own)["databaseFailure"]).toBe(answer);
});

test("a promise that is broken now, or at worst, is no plain yes", () => {
  const late = promises({ now: 30 * 60 });
  expect(answersOf(fresh, undefined, late)["completeLoss"]).toBe("late");
  expect(answersOf(fresh, undefined, promises({ state: "broken" }))["completeLoss"]).toBe("gaps");
});

test("an answer is valid until the oldest of the newest copies is older than is promised", () => {
  const [loss] = recoverable({ promises: promises(), vault: fresh, supabase: undefined }).slice(2);
  expect(loss).toMatchObject({ scenario: "completeLoss", dueAt: "2026-12-01T03:14:00.000Z" });
});

function ran(at: string, ...operations: Partial<OperationRow>[]): RunRow {
  const all = operations.map((one) => ({ operation: "backup", conclusion: "success" as const, seconds: 1, ...one }));
  return {
    at,
    workflow: "backup",
    run: at,
    attempt: 1,
    event: "schedule",
    conclusion: "success",
    seconds: 1,
    operations: all,
  };
}

test("the calendar marks what was made, verified, proven and missing, and nothing before the first", () => {
  const set = (day: string): string => `${day.replaceAll("-", "")}T040000Z-00000000`;
  const made = (day: string, tier = "daily") => ({ set: set(day), tier, snapshotAt: `${day}T04:00:00.000Z` });
  const rows = [
    ran("2026-11-20T04:00:00Z", made("2026-11-20"), { fileBytes: 5, snapshotAt: "2026-11-20T04:00:00.000Z" }),
    ran("2026-11-21T04:00:00Z", made("2026-11-21")),
    ran("2026-11-22T04:00:00Z", made("2026-11-22", "weekly")),
    ran("2026-11-22T08:00:00Z", { ...made("2026-11-21"), operation: "verify" }),
    ran("2026-11-23T04:00:00Z", { ...made("2026-11-23"), conclusion: "failure" }),
    // Tested a week later: it stands where its data is of.
    ran("2026-11-29T08:00:00Z", { set: set("2026-11-20"), operation: "test", restoreSeconds: 9 }),
    // Another clock's day, and a set that is not known.
    ran("2027-05-01T04:00:00Z", made("2027-05-01")),
    ran("2026-11-24T08:00:00Z", { set: set("2026-11-02"), operation: "test", restoreSeconds: 9 }),
  ];
  const all = calendars(rows, [], new Date("2026-11-24T09:00:00Z"));
  const of = (what: string) => all.find((one) => one.what === what);
  const days = of("days");
  expect(days?.marks).toMatch(/^\.+pvmx-$/);
  expect(days?.from.slice(-5)).toEqual(["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"]);
  expect(of("weeks")?.marks).toMatch(/^\.+m$/);
  expect(of("months")).toBeUndefined();
  expect(of("files")?.marks).toMatch(/^\.+mxxx-$/);
});

test("what the vault has counts where no report tells of it", () => {
  const [days] = calendars([], standing({}, 5).sets, madeAt);
  expect(days?.marks.slice(-6)).toBe(".mmpmm");
});

test("a house that has just begun has a page", () => {
  const facts = yearFacts({ rows: [], standing: standing({ proven: null, files: null, played: [] }, 0), results: [] });
  const status = statusDocument({ ...facts, runs: [], state: { checks: {}, history: {}, unreached: {} } });
  expect(statusSchema.safeParse(status).error).toBeUndefined();
  for (const text of dashboardFiles(status).values())
    expect(text.replace(/<script>[\s\S]*<.script>/, "")).not.toMatch(/NaN|undefined|Infinity|Invalid/);
});

test("the page says when the next runs of the workflows are asked for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-starts-"));
  try {
    writeFileSync(
      join(folder, "monitor.yml"),
      'on: {schedule: [{cron: "0 9 * * *"}, {cron: "17 */3 * * *"}]}\njobs: {}\n',
    );
    writeFileSync(
      join(folder, "zoned.yml"),
      'on: {schedule: [{cron: "0 9 * * *", timezone: "Asia/Riyadh"}]}\njobs: {}\n',
    );
    writeFileSync(join(folder, "by-hand.yml"), "on: workflow_dispatch\njobs: {}\n");
    const runs = await nextStarts(madeAt, folder);
    expect(runs).toEqual([{ workflow: "monitor", at: "2026-11-30T09:17:00.000Z" }]);
    // With an hour for the run itself.
    expect(statusDocument(yearFacts({ runs })).nextDueAt).toBe("2026-11-30T10:17:00.000Z");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the first page of the branch shows the dashboard's badge and leads to it, once it is there", () => {
  const news = { project: "qimma", reports: [], standing: undefined, notes: [], now: madeAt };
  const pageWith = (...paths: string[]): string =>
    planBranch({ paths, read: () => "" }, news).changes.get("README.md") ?? "";
  expect(pageWith()).not.toContain("dashboard");
  expect(pageWith("dashboard/index.html")).toMatch(/!\[.*\]\(dashboard\/badge\.svg\).*\]\(dashboard\/index\.html\)/);
});

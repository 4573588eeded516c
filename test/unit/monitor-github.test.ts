import { expect, test } from "vitest";
import {
  judgeEnvironments,
  judgeMain,
  judgeMinutes,
  judgeSubject,
} from "../../actions/lib/policy/monitor/repository.ts";
import { judgeSchedules, judgeSwitchedOn, type ScheduledWorkflow } from "../../actions/lib/policy/monitor/workflows.ts";
import { workflowFacts } from "../../actions/lib/policy/read-schedules.ts";
import {
  environmentDrift,
  limitsOf,
  type PlanLimits,
  rulesDrift,
  type SeenEnvironment,
  type SeenRules,
} from "../../actions/lib/policy/repository/drift.ts";
import { wantedRulesets } from "../../actions/lib/policy/repository/wanted.ts";
import { parseCron } from "../../actions/lib/policy/schedule.ts";

const twiceADay: ScheduledWorkflow = {
  ...{ file: "report.yml", crons: ["38 3 * * *", "52 15 * * *"].map(parseCron), zoned: false },
  ...{ since: "2026-11-01T00:00:00Z", lastAt: "2026-11-24T04:00:00Z" },
};
const quarterly: ScheduledWorkflow = {
  ...{ file: "drill.yml", crons: ["37 5 12 1,4,7,10 *", "37 5 13 1,4,7,10 *", "13 9 19 1,4,7,10 *"].map(parseCron) },
  ...{ zoned: false, since: "2026-02-01T00:00:00Z", lastAt: "2026-10-19T10:00:00Z" },
};
const schedules = (now: string, ...workflows: ScheduledWorkflow[]) =>
  judgeSchedules(workflows, 761, new Date(`${now}Z`));

test("a schedule of which one attempt was dropped is alive, and one that missed two is not", () => {
  // 15:52 that day and 03:38 the next one are missed, each with 12 h 41 min of lateness.
  expect(schedules("2026-11-25T16:18:00", twiceADay)).toMatchObject({ state: "ok", dueAt: "2026-11-25T16:19:00.000Z" });
  expect(schedules("2026-11-25T16:19:00", twiceADay)).toMatchObject({
    ...{ state: "critical", found: expect.stringContaining("report.yml was last started on 2026-11-24 04:00 UTC") },
  });
});

test("a schedule that never ran is critical after its second attempt, and one whose second is far away after its first", () => {
  const fresh = { ...twiceADay, lastAt: undefined, since: "2026-11-24T16:00:00Z" };
  expect(schedules("2026-11-26T04:32:00", fresh).state).toBe("ok");
  expect(schedules("2026-11-26T04:33:00", fresh)).toMatchObject({
    ...{ state: "critical", found: expect.stringContaining("was never started by its schedule") },
  });
  const yearly = { ...twiceADay, crons: [parseCron("0 0 1 1 *")], lastAt: "2026-01-01T00:30:00Z" };
  expect(schedules("2027-01-01T12:40:00", yearly).state).toBe("ok");
  expect(schedules("2027-01-01T12:41:00", yearly).state).toBe("critical");
});

test("of several workflows the earliest due decides, and a quarter's attempts lie days apart", () => {
  expect(schedules("2026-11-24T12:00:00", twiceADay, quarterly)).toMatchObject({ dueAt: "2026-11-25T16:19:00.000Z" });
  expect(schedules("2027-01-13T18:17:00", quarterly).state).toBe("ok");
  expect(schedules("2027-01-13T18:18:00", quarterly).state).toBe("critical");
  // The third attempt of a quarter was dropped, whose first two were not.
  expect(schedules("2027-04-13T18:17:00", { ...quarterly, lastAt: "2027-01-13T12:00:00Z" }).state).toBe("ok");
  expect(schedules("2027-04-13T18:18:00", { ...quarterly, lastAt: "2027-01-13T12:00:00Z" }).state).toBe("critical");
  expect(schedules("2026-11-24T12:00:00", { ...twiceADay, crons: [] }).state).toBe("critical");
});

test.each([
  ["active", "ok", "ok"],
  ["disabled_manually", "critical", "warning"],
  ["disabled_inactivity", "critical", "warning"],
  ["deleted", "critical", "warning"],
  [undefined, "critical", "warning"],
])("a workflow that is %s is %s with a schedule, and %s without", (state, scheduled, button) => {
  const judge = (file: string) => {
    const listed = ["backup.yml", "restore.yml"].flatMap((one) =>
      one !== file ? { file: one, state: "active" } : state === undefined ? [] : { file, state },
    );
    const crons = [parseCron("0 1 * * *")];
    return judgeSwitchedOn(
      [
        { file: "backup.yml", crons },
        { file: "restore.yml", crons: [] },
      ],
      listed,
    ).state;
  };
  expect(judge("backup.yml")).toBe(scheduled);
  expect(judge("restore.yml")).toBe(button);
});

const none = { rules: false, reviewers: false };
const environment = (name: string, mainOnly = true, reviewers = name === "restore"): SeenEnvironment => ({
  ...{ name, branches: mainOnly ? ["main"] : "all", reviewers: reviewers ? ["ada"] : [] },
});
const environments = (there: readonly SeenEnvironment[], limits: PlanLimits = none) => {
  const drifts = ["backup", "restore"].flatMap((name) => {
    const seen = there.find((one) => one.name === name);
    return environmentDrift({ name, reviewed: name === "restore" }, seen, limits, true);
  });
  return judgeEnvironments(drifts, there.length, limits);
};

test("environments are well when they take main alone, and restore asks reviewers", () => {
  expect(environments([environment("backup"), environment("restore"), environment("other", false)]).state).toBe("ok");
  expect(environments([environment("backup"), environment("restore", true, false)]).state).toBe("warning");
  expect(environments([environment("backup")])).toMatchObject({
    ...{ state: "warning", found: expect.stringContaining("environment restore (missing") },
  });
  // Reviewers of a private repository take GitHub Enterprise.
  const beyond = { rules: false, reviewers: true };
  expect(environments([environment("backup"), environment("restore", true, false)], beyond).state).toBe("ok");
});

test("an environment that lost its limit is critical, and where the plan has none it is said what protects instead", () => {
  for (const reviewers of [false, true])
    expect(
      environments([environment("backup", false), environment("restore")], { rules: false, reviewers }),
    ).toMatchObject({
      ...{ state: "critical", found: expect.stringContaining("backup") },
    });
  const free = { rules: true, reviewers: true };
  expect(environments([environment("backup", false)], free)).toMatchObject({
    ...{ state: "ok", found: expect.stringContaining("production's ref has to be typed") },
  });
  expect(environments([], free).state).toBe("ok");
  expect(environments([]).state).toBe("warning");
});

const [main, reports] = wantedRulesets(true);
const rules = (of: SeenRules["main"], protectedOtherwise = false) => {
  const seen = { main: of, reports: reports?.rules ?? [], protectedOtherwise };
  return judgeMain(rulesDrift(seen, true), limitsOf(true, seen));
};

test("an open main is critical where GitHub has rules for it, and where the plan has none it is said", () => {
  expect(rules(main?.rules).state).toBe("ok");
  expect(rules([], true).state).toBe("ok");
  expect(rules([]).state).toBe("critical");
  expect(rules(undefined)).toMatchObject({ state: "ok", found: expect.stringContaining("anybody who can push") });
});

test.each([
  ["pull_request", { require_code_owner_review: false }, "warning"],
  ["pull_request", { required_approving_review_count: 0 }, "warning"],
  ["required_status_checks", { required_status_checks: [{ context: "lint" }] }, "warning"],
  ["non_fast_forward", undefined, "warning"],
  ["pull_request", undefined, "critical"],
])("of main's rules %s changed to %o is named", (type, change, state) => {
  const changed = (main?.rules ?? []).flatMap((rule) => {
    if (rule.type !== type) return [rule];
    return change === undefined ? [] : [{ ...rule, parameters: { ...rule.parameters, ...change } }];
  });
  expect(rules(changed)).toMatchObject({ state, found: expect.stringContaining(`branch main: ${type}`) });
});

test.each([
  ["role", true, "ok"],
  ["role", false, "ok"],
  ["stored keys", true, "ok"],
  ["none", true, "critical"],
  ["person", true, "ok"],
  ["person", false, "warning"],
] as const)("with %s, and the default subject %s, the subject is %s", (access, useDefault, state) => {
  const found = judgeSubject({ useDefault, prefix: "repo:ada@77/backups@99", access });
  expect(found.state).toBe(state);
  expect(JSON.stringify(found)).not.toContain("ada");
});

const minutes = (used: number, day: string) =>
  judgeMinutes({ used, complete: true, limit: 2000, now: new Date(`2026-11-${day}T00:00:00Z`) });

test("minutes that last to the end of the month are well, others are told with the day, long before they are gone", () => {
  expect(minutes(0, "01").state).toBe("ok");
  expect(minutes(999, "16").state).toBe("ok");
  expect(minutes(1001, "16")).toMatchObject({ state: "warning", found: expect.stringContaining("2026-11-30") });
  expect(minutes(1500, "16")).toMatchObject({ state: "warning", found: expect.stringContaining("2026-11-21") });
  expect(minutes(1801, "16").state).toBe("critical");
  expect(minutes(2000, "30").state).toBe("critical");
  // A busy first day is no pace.
  expect(minutes(200, "02").state).toBe("ok");
});

test("what a workflow's file says of itself is its crons and its environments", () => {
  const text = `
on: { schedule: [{ cron: "0 1 * * *" }, { cron: "nonsense" }], workflow_dispatch: {} }
jobs:
  a: { environment: backup, steps: [] }
  b: { environment: { name: restore, url: x }, steps: [] }
  c: { environment: backup }
`;
  expect(workflowFacts(".github/workflows/x.yml", text)).toMatchObject({
    ...{ file: "x.yml", crons: [{ text: "0 1 * * *" }], zoned: false, environments: ["backup", "restore"] },
  });
  expect(workflowFacts("x.yml", "on: push\njobs: {}")).toMatchObject({ crons: [], environments: [] });
});

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Policy, type PolicyInput, policySchema } from "../../actions/lib/config/policy/policy.ts";
import { dailySummary } from "../../actions/lib/notify/daily-summary.ts";
import { judgePromises } from "../../actions/lib/policy/judge-promises.ts";
import type { PromiseCheck, VaultTruth } from "../../actions/lib/policy/promises.ts";
import { readSchedules, statedSchedules, workflowSchedules } from "../../actions/lib/policy/read-schedules.ts";
import { renderIndex } from "../../actions/lib/report/branch/index-page.ts";
import { truthOf } from "../../actions/lib/report/branch/standing.ts";
import { renderMarkdown, renderText } from "../../actions/lib/report/page.ts";
import { promisesPage } from "../../actions/lib/report/promises-page.ts";
import { playedRecoveries } from "../../actions/lib/vault/format/proof.ts";
import own from "../../lifeboat.config.ts";

type Promises = NonNullable<PolicyInput["promises"]>;
const now = new Date("2026-11-24T12:00:00Z");
const workflows = ".github/workflows";
const good: NonNullable<Promises["schedules"]> = {
  daily: { cron: "41 4 * * *", oncePer: "day" },
  weekly: { cron: "7 1 * * 0", oncePer: "week" },
  monthly: { cron: "13 2 * * 0", oncePer: "month" },
  files: "17 3 * * *",
  restoreTest: "23 5 1 * *",
};
const kept: Promises = {
  supabase: { plan: "pro", pitrDays: 7, snapshotDays: 7, region: "us-east-1" },
  vault: { region: "us-east-1", replicaRegion: "eu-central-1" },
  scenarios: { completeLoss: { rpoMinutes: 26 * 60 }, regionalDisaster: { rpoMinutes: 26 * 60, rtoMinutes: 480 } },
  lateMinutes: 30,
  schedules: good,
};

function check(promises: Promises, change: Partial<PolicyInput> = {}, vault?: VaultTruth): PromiseCheck {
  const policy: Policy = policySchema.parse({ ...own, ...change, promises });
  const stated = policy.promises.schedules;
  const written = stated === null ? [] : statedSchedules(stated);
  return judgePromises({ policy, schedules: readSchedules(written), now, vault });
}

function without(purpose: keyof typeof good): typeof good {
  return Object.fromEntries(Object.entries(good).filter(([each]) => each !== purpose));
}

function names({ findings }: PromiseCheck, level: "broken" | "doubtful" | "accepted" = "broken"): string[] {
  return findings.filter((finding) => finding.level === level).map(({ name }) => name);
}

describe("a promise that is better than the truth", () => {
  test("is found in the schedule that was asked for first, each contradiction by itself", () => {
    const result = check(
      {
        supabase: { plan: "pro", pitrDays: null, snapshotDays: 30 },
        schedules: { weekly: "0 1 * * 0", monthly: "0 2 1-7 * 0", files: "0 3 1 * *" },
      },
      { archive: { storageClass: "DEEP_ARCHIVE", afterDays: 1 } },
    );
    expect(result.green).toBe(false);
    const text = renderText(promisesPage(result)).join("\n");
    expect(text).toMatch(
      /24 h is promised for complete data loss and regional disaster, and 7\.5 days of the database/,
    );
    expect(text).toMatch(/and 31\.6 days of the files can be lost/);
    expect(text).toMatch(
      /'0 2 1-7 \* 0' .* runs on days 1-7 of the month and on every day 0 of the week as well \(124 times/,
    );
    expect(text).toMatch(/30 days of Supabase's own backups are counted on, and plan pro keeps 7/);
    expect(text).toMatch(/2 min is promised for .*, and without the point-in-time-recovery add-on 24 h can be lost/);
    expect(text).toMatch(
      /2 h is promised for complete data loss and 4 h for regional disaster, and .* takes up to 12 h to thaw/,
    );
  });

  test("is none where schedules, plan and regions keep it", () => {
    const result = check(kept);
    expect(names(result)).toEqual([]);
    expect(result.green).toBe(true);
    expect(result.rows.filter(({ what }) => what === "RPO").map(({ state }) => state)).toEqual(Array(4).fill("kept"));
    expect(result.rows.filter(({ what }) => what === "RTO").map(({ state }) => state)).toEqual(
      Array(4).fill("unmeasured"),
    );
  });

  test.each<[string, Promises, string]>([
    ["GitHub's lateness", { lateMinutes: 300 }, "rpo.database"],
    ["no copy of the files", { schedules: without("files") }, "unscheduled.files"],
    ["files once a week", { schedules: { ...good, files: "0 1 * * 3" } }, "rpo.files"],
    ["no set at all", { schedules: { files: "17 3 * * *", restoreTest: "1 5 1 * *" } }, "unscheduled.database"],
    ["a day that does not exist", { schedules: { ...good, weekly: "0 1 30 2 *" } }, "cron.never"],
    ["an expression that GitHub does not take", { schedules: { ...good, weekly: "@weekly" } }, "cron.unreadable"],
    ["no restore test", { schedules: without("restoreTest") }, "unscheduled.test"],
    ["a restore test a quarter", { schedules: { ...good, restoreTest: "1 5 1 */3 *" } }, "proven.schedule"],
    ["recovery to a point in time on plan free", { supabase: { ...kept.supabase, plan: "free" } }, "pitr.plan"],
    ["add-on of fewer days than counted on", { supabase: { ...kept.supabase, snapshotDays: 30 } }, "snapshots.plan"],
    ["one region for all", { vault: { region: "us-east-1" } }, "region"],
  ])("is found: %s", (_case, change, name) => {
    expect(names(check({ ...kept, ...change }))).toContain(name);
  });

  test("is found when the sets would read more from Supabase than the policy allows them, and the cost is told", () => {
    const schedules = { ...good, daily: { cron: ["0 0,8,16 * * *"], oncePer: "10h" as const } };
    const vault = (newestSetBytes: number): VaultTruth => ({
      ...{ newestSetAt: "2026-11-24T04:45:00Z", newestSetBytes, newestFilesAt: "2026-11-24T03:20:00Z" },
      proven: { snapshotAt: "2026-11-20T04:41:00Z", provenAt: "2026-11-20T09:00:00Z", restoreSeconds: 60 },
    });
    const [small, large] = [1e9, 10e9].map((bytes) => check({ ...kept, schedules }, {}, vault(bytes)));
    expect(names(small ?? check(kept))).toEqual([]);
    expect(small?.egress).toMatch(/^1\.\d sets a day of about .* read .* a month from Supabase, of .* policy allows/);
    expect(renderText(promisesPage(small ?? check(kept))).join("\n")).toContain(small?.egress);
    expect(names(large ?? check(kept))).toEqual(["egress.sets"]);
    expect(large?.rows.find(({ scenario, what }) => scenario === "completeLoss" && what === "RPO")?.state).toBe(
      "broken",
    );
  });

  test("is none in this repository: its schedules keep 24 hours, and nothing is accepted", () => {
    const written = readdirSync(workflows).flatMap((file) =>
      file.endsWith(".yml") ? workflowSchedules(file, readFileSync(`${workflows}/${file}`, "utf8")) : [],
    );
    const policy = policySchema.parse(own);
    const result = judgePromises({ policy, schedules: readSchedules(written), now, vault: undefined });
    expect([names(result), names(result, "accepted"), policy.promises.accepted]).toEqual([[], [], []]);
    const loss = result.rows.find(({ scenario, what }) => scenario === "completeLoss" && what === "RPO");
    expect(loss).toMatchObject({ state: "kept", atWorst: 618 + 761 + 60 });
  });

  test("is found when sets are gone before the next one comes", () => {
    const tiers = { ...own.tiers, weekly: { retentionDays: 7 } };
    expect(names(check(kept, { tiers }))).toEqual(["retention.weekly"]);
  });

  test("is doubted when an archive would be too slow but is not needed, or all runs start on the hour", () => {
    const result = check({ ...kept, scenarios: {}, lateMinutes: 0, schedules: { ...good, files: "0 */6 * * *" } });
    expect(names(result, "doubtful")).toEqual(expect.arrayContaining(["archive-thaw", "cron.on-the-hour"]));
  });

  test("is still shown when somebody has accepted it, and is red again after that day", () => {
    const accepted = { finding: "rpo.files", reason: "until the copies are daily", until: "2026-12-31" };
    const change = { schedules: { ...good, files: "0 1 * * 3" } };
    const result = check({ ...kept, ...change, accepted: [accepted] });
    expect([result.green, names(result, "accepted")]).toEqual([true, ["rpo.files"]]);
    expect(result.rows.find(({ scenario, what }) => scenario === "completeLoss" && what === "RPO")?.state).toBe(
      "accepted",
    );
    const late = check({ ...kept, ...change, accepted: [{ ...accepted, until: "2026-11-23" }] });
    expect([late.green, names(late)]).toEqual([false, ["rpo.files"]]);
    expect(names(check({ ...kept, accepted: [accepted] }), "doubtful")).toContain("accepted.idle");
  });
});

describe("with the vault", () => {
  const proven = { snapshotAt: "2026-11-20T04:41:00Z", provenAt: "2026-11-20T08:00:00Z", restoreSeconds: 1200 };
  const fresh: VaultTruth = { newestSetAt: "2026-11-24T04:45:00Z", newestFilesAt: "2026-11-24T03:20:00Z", proven };

  test("what is true now and what was measured stand beside the promise", () => {
    const result = check(kept, {}, fresh);
    expect(names(result)).toEqual([]);
    const row = (what: string) => result.rows.find((each) => each.scenario === "completeLoss" && each.what === what);
    expect(row("RPO")).toMatchObject({ now: 520, state: "kept" });
    expect(row("RTO")).toMatchObject({ measured: 20, atWorst: 20, state: "kept" });
  });

  test.each<[string, Partial<VaultTruth>, string]>([
    ["an old set", { newestSetAt: "2026-11-22T04:45:00Z" }, "now.database"],
    ["no set", { newestSetAt: undefined }, "now.database"],
    ["old files", { newestFilesAt: "2026-11-20T04:45:00Z" }, "now.files"],
    ["keys whose locks run out", { keys: ["ALARM: the keys of 1 set"] }, "now.keys"],
    ["an old proof", { proven: { ...proven, provenAt: "2026-09-20T08:00:00Z" } }, "now.proven"],
    ["no proof", { proven: undefined }, "now.proven"],
    ["a restore that takes too long", { proven: { ...proven, restoreSeconds: 3 * 3600 } }, "rto.completeLoss"],
  ])("it is found: %s", (_case, change, name) => {
    expect(names(check(kept, {}, { ...fresh, ...change }))).toContain(name);
  });

  test("a recovery that was played says more than the restore of a database: with files, and with people's part", () => {
    const drill = (machineSeconds: number, minutes: number | null, outcome: "proven" | "failed" = "proven") => ({
      ...{ outcome, finishedAt: "2026-10-12T06:00:00Z" },
      drill: {
        ...{ scenario: "complete-loss" as const, rtoMinutes: 120, machineSeconds, withFiles: true, dollars: null },
        human: minutes === null ? null : { minutes, measuredAt: "2026-10-12T06:00:00Z" },
        ...{ phases: [], configuration: null, migrations: null, failures: [], byHand: [] },
        lost: { seconds: 60, rows: null, files: null, measuredBy: "times" as const },
        sabotage: { kind: "missing part" as const, seed: "00000000", refused: true },
      } as const,
    });
    const rto = (...played: ReturnType<typeof drill>[]) => {
      const result = check(kept, {}, { ...fresh, played: playedRecoveries(played) });
      const row = result.rows.find(({ scenario, what }) => scenario === "completeLoss" && what === "RTO");
      return [row?.measured, row?.state, names(result)];
    };
    expect(rto(drill(3600, null))).toEqual([60, "kept", []]);
    expect(rto(drill(3600, 61))).toEqual([121, "broken", ["rto.completeLoss"]]);
    // The newest that went well; one that failed says nothing of how long it takes.
    expect(rto(drill(7200, 61), drill(600, 10), drill(9000, 10, "failed"))).toEqual([20, "kept", []]);
    expect(rto(drill(0, null, "failed"))).toEqual([20, "kept", []]);
  });

  test("files are not asked for where their vault is not set", () => {
    expect(names(check(kept, {}, { ...fresh, newestFilesAt: null }))).toEqual([]);
  });

  test("a slow restore breaks the promise of fifteen minutes only where sets are the way to keep it", () => {
    const slow = { ...fresh, proven };
    expect(names(check(kept, {}, slow))).toEqual([]);
    const withoutAddOn = { ...kept, supabase: { ...kept.supabase, pitrDays: null } };
    expect(names(check(withoutAddOn, {}, slow))).toEqual(["rpo.pitr", "rto.minorCorruption"]);
  });
});

test("the page keeps within Markdown and ends with its sentence", () => {
  const page = promisesPage(check({ schedules: {} }));
  expect(renderMarkdown(page)).toMatch(/\| scenario \|.*\| state \|/);
  expect(renderText(page).at(-1)).toMatch(/findings say that a promise is better than the truth/);
});

test("the reports' page knows enough to compare them: the newest set, the newest proof and what it took", () => {
  const set = { set: "20261124T044100Z-1a2b3c4d", tier: "daily", plainBytes: 1, rows: 1 } as const;
  const proven = { snapshotAt: "2026-11-20T04:41:00Z", provenAt: "2026-11-20T09:00:00Z", restoreSeconds: 1200 };
  const sets = [{ ...set, snapshotAt: "2026-11-24T04:41:00Z", provenAt: null }];
  // The proven one is older than the newest sets that are told of.
  const standing = { sets, proven: { ...proven, set: "20261120T044100Z-1a2b3c4d" } };
  expect(truthOf({ ...standing, files: null }).newestFilesAt).toBeUndefined();
  const truth = truthOf({ ...standing, files: undefined });
  expect(truth).toEqual({
    newestSetAt: "2026-11-24T04:41:00Z",
    newestSetBytes: set.plainBytes,
    newestFilesAt: null,
    proven: expect.objectContaining(proven),
  });
  const page = renderIndex({
    ...{ project: "lab", rows: [], histories: [], now, notes: [], promises: check(kept, {}, truth) },
    standing: { sets: [], proven: null, restores: [], files: null, source: "vault" },
  });
  expect(page).toMatch(/## Promises\n\n.*No promise is better than the truth/);
  expect(page).toMatch(/\| complete data loss \| RTO \| 2 h \| 20 min \| \? \| 20 min \| ok \|/);
});

test("a term that the policy shortens is told every day until it counts", () => {
  const day = 86_400_000;
  const truth = (...announced: { days: number; daily: number }[]) => ({
    ...{ newestSetAt: now.toISOString(), newestFilesAt: null, proven: undefined },
    announced: announced.map(({ days, daily }) => ({
      ...{ at: now.getTime() - days * day, terms: { daily, weekly: 84, monthly: 2557 } },
    })),
  });
  const told = (...announced: { days: number; daily: number }[]): string => {
    const promises = check(kept, {}, truth(...announced));
    const words = { pageUrl: () => undefined, label: (name: string) => name };
    return dailySummary({ day: "2026-11-24", reports: [], promises }, words).lines.join("\n");
  };
  // Qimma keeps daily sets for 30 days.
  expect(told({ days: 4, daily: 30 })).not.toMatch(/shortens/);
  expect(told({ days: 4, daily: 60 })).toMatch(/shortens the term of daily sets from 60 to 30 days\. .*none has yet/);
  expect(told({ days: 4, daily: 60 }, { days: 1, daily: 30 })).toMatch(/It counts from 2026-11-26 12:00 UTC/);
  expect(told({ days: 5, daily: 60 }, { days: 4, daily: 30 }, { days: 1, daily: 30 })).not.toMatch(/shortens/);
  expect(check(kept, {}, truth()).shortened).toEqual([]);
});

test("an incident that is on is told every day, and is an alarm when it is on for longer than the policy expects", () => {
  const truth = { newestSetAt: now.toISOString(), newestFilesAt: null, proven: undefined };
  const since = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString();
  const during = (days: number) =>
    check(
      kept,
      {},
      { ...truth, incident: { id: "20261120T000000Z-0a1b2c3d", reason: "keys were stolen", since: since(days) } },
    );
  expect(names(during(1), "doubtful")).toContain("now.incident");
  expect(names(during(1))).not.toContain("now.incident");
  expect(names(during(8))).toContain("now.incident");
  const day = { day: "2026-11-24", reports: [], promises: during(1) };
  const alert = dailySummary(day, { pageUrl: () => undefined, label: (name) => name });
  expect(alert.lines.join()).toMatch(/Incident 20261120T000000Z-0a1b2c3d is on for .*keys were stolen.*incident end/);
  expect(
    dailySummary({ ...day, promises: during(8) }, { pageUrl: () => undefined, label: (name) => name }),
  ).toMatchObject({
    ...{ level: "failed", lines: expect.arrayContaining([expect.stringContaining("expects an end within 7 days")]) },
  });
  expect(names(check(kept, {}, truth), "doubtful")).not.toContain("now.incident");
});

import { expect, test } from "vitest";
import { ConfigurationError, OperationError } from "../../actions/lib/base/errors.ts";
import { costOf, refsOfProduction } from "../../actions/lib/operations/drill/in-project.ts";
import { type DrillFindings, judgeDrill } from "../../actions/lib/operations/drill/judge.ts";
import { lostSpan } from "../../actions/lib/operations/drill/lost.ts";

const good: DrillFindings = {
  scenario: "complete-loss",
  broke: undefined,
  restored: {
    ...{ set: "20260101T000000Z-00000000", tier: "daily", snapshotAt: "2026-01-01T00:00:00Z", outcome: "equal" },
    ...{ sentence: "It is equal.", target: { kind: "supabase", serverVersion: "17.4" } },
    counts: { objects: 1, tables: 1, rows: "1", foreignKeysChecked: 0 },
    differences: { failed: 0, expected: 0, unverified: 0 },
    ...{ wrong: [], switchedOff: [], byHand: [], passedOver: [] },
    files: { outcome: "equal", sentence: "All files.", count: 1, bytes: 1 },
  },
  checks: [{ name: "people", outcome: "passed", finding: "" }],
  ...{ configuration: null, migrated: null, tried: null, inStaging: false },
  sabotage: { kind: "missing part", seed: "00000000", refusedBy: "artifact-damaged" },
  lost: { seconds: 60, rows: 1, files: 0, measuredBy: "times" },
  ...{ machineSeconds: 600, human: { minutes: 20, measuredAt: "2026-01-01T00:00:00Z" } },
  ...{ rtoMinutes: 120, rpoMinutes: 1440, left: undefined },
};
const restored = good.restored as NonNullable<DrillFindings["restored"]>;

test("a drill says what could not be asked of the new project", () => {
  const tried = [
    { what: "login", outcome: "not tried" as const, why: "it could not be asked: the token may not look" },
  ];
  expect(judgeDrill({ ...good, tried }).warnings).toContainEqual(expect.stringContaining("may not look"));
});

test("a drill in which all went well is proven", () =>
  expect(judgeDrill(good)).toEqual({ outcome: "proven", failures: [], warnings: [], code: null }));

test.each<[string, Partial<DrillFindings>]>([
  ["sabotage-accepted", { sabotage: { kind: "missing part", seed: "00000000", refusedBy: null } }],
  ["drill-failed", { sabotage: null }],
  ["drill-failed", { restored: null }],
  ["drill-failed", { checks: null }],
  ["phase-late", { broke: { code: "phase-late", message: "It has not come" }, restored: null, checks: null }],
  ["restore-differs", { restored: { ...restored, outcome: "differs" } }],
  ["restore-unverified", { restored: { ...restored, outcome: "unverified" } }],
  ["drill-files", { restored: { ...restored, files: { outcome: "differs", sentence: "", count: 1, bytes: 1 } } }],
  ["drill-check", { checks: [{ name: "people", outcome: "timed-out", finding: "" }] }],
  [
    "drill-configuration",
    { configuration: { why: null, counts: { carried: 9, already: 0, listed: 0, refused: 1 }, rows: [] } },
  ],
  ["drill-tried", { tried: [{ what: "function grade", outcome: "failed", why: "it does not start" }] }],
  [
    "drill-migrations",
    { migrated: { outcome: "doubtful", why: null, applied: [], own: [], findings: ["a table is other"] } },
  ],
  ["drill-late", { machineSeconds: 120 * 60 + 1 }],
  ["drill-late", { machineSeconds: 101 * 60 }],
  ["drill-lost", { lost: { ...good.lost, seconds: 1440 * 60 + 1 } }],
  ["drill-left", { left: "a project is still there" }],
])("%s is red", (code, change) =>
  expect(judgeDrill({ ...good, ...change })).toMatchObject({ outcome: "failed", code }),
);

test("that a sabotaged set was accepted outweighs all else", () => {
  const accepted = { kind: "missing part", seed: "00000000", refusedBy: null } as const;
  const verdict = judgeDrill({ ...good, sabotage: accepted, restored: { ...restored, outcome: "differs" } });
  expect(verdict.code).toBe("sabotage-accepted");
  expect(verdict.failures).toHaveLength(2);
});

test("what people do is told to be unknown, and a database failure loses what only point-in-time recovery keeps", () => {
  expect(judgeDrill({ ...good, human: null })).toMatchObject({
    outcome: "proven",
    warnings: [expect.stringContaining("--human-minutes")],
  });
  const failure = judgeDrill({
    ...good,
    scenario: "database-failure",
    rpoMinutes: 2,
    lost: { ...good.lost, seconds: 3600 },
  });
  expect(failure).toMatchObject({ outcome: "proven", warnings: [expect.stringContaining("point-in-time")] });
});

test("sentinels outweigh the times of set and drill", () => {
  const times = { lostAt: 100_000, snapshotAt: 40_000 };
  expect(lostSpan(times, { atSource: 90_000, restored: 30_000 })).toEqual({ seconds: 60, measuredBy: "sentinels" });
  expect(lostSpan(times, { atSource: 90_000, restored: null })).toEqual({ seconds: 60, measuredBy: "times" });
  expect(lostSpan(times, { atSource: null, restored: 30_000 })).toEqual({ seconds: 60, measuredBy: "times" });
});

test("sentinels that had stopped, or were written for another time, do not make a loss small", () => {
  const times = { lostAt: 10_000_000, snapshotAt: 4_000_000 };
  for (const sentinels of [
    { atSource: 1_000_000, restored: 1_000_000 },
    { atSource: 9_990_000, restored: 9_990_000 },
    { atSource: 9_990_000, restored: 99_000_000 },
  ])
    expect(lostSpan(times, sentinels), JSON.stringify(sentinels)).toEqual({ seconds: 6000, measuredBy: "times" });
});

test("each hour that a project has begun is paid", () => {
  expect(costOf(730, 1)).toBe(1);
  expect(costOf(730, 3600)).toBe(1);
  expect(costOf(730, 3601)).toBe(2);
});

test("production's ref is told by the environment and the newest set; only a set without a word of its own is passed over", async () => {
  const failing = (error: Error) => () => Promise.reject(error);
  for (const code of ["set-unknown", "set-hidden", "manifest-untrusted"])
    expect(await refsOfProduction("production", failing(new ConfigurationError(code, "no")))).toEqual(["production"]);
  for (const error of [new OperationError("s3-unavailable", "no answer"), new Error("a mistake of ours")])
    await expect(refsOfProduction("production", failing(error))).rejects.toBe(error);
});

import { expect, test } from "vitest";
import { judgeRuns, judgeTold, type RunEnd } from "../../actions/lib/policy/monitor/reports.ts";
import { judgeReviews, splitFrontMatter } from "../../actions/lib/policy/monitor/reviews.ts";
import { judgeShrink, type ShrinkFacts } from "../../actions/lib/policy/monitor/shrink.ts";
import {
  alarmTroubles,
  judgeClocks,
  judgeDeepReads,
  judgeIncident,
  judgeKept,
  judgeKeys,
  judgeTroubles,
  withoutNames,
} from "../../actions/lib/policy/monitor/vault.ts";

const now = new Date("2026-11-24T12:00:00Z");
const days = (count: number): Date => new Date(now.getTime() + count * 86_400_000);
const id = "20261120T101500Z-1a2b3c4d";

const shrink = (left: number, change: Partial<ShrinkFacts> = {}) =>
  judgeShrink({
    sets: [
      { at: days(0).toISOString(), rows: 1000 * left, bytes: 1e6 * left },
      { at: days(-1).toISOString(), rows: 1000, bytes: 1e6 },
    ],
    ...{ rowsByDay: [], bytesByDay: [], share: 0.5, now, ...change },
  });

test.each([
  [1, "ok"],
  [2, "ok"],
  [0.75, "ok"],
  [0.74, "warning"],
  [0.5, "warning"],
  [0.49, "critical"],
  [0, "critical"],
])("a set that holds %f of the one before it is %s", (left, state) => {
  expect(shrink(left).state).toBe(state);
  expect(shrink(left, { share: 0 }).state).toBe("ok");
});

test("a slow loss shows against sets of weeks ago, by rows or by bytes, and those of long ago no longer count", () => {
  const sets = [0, 1].map((age) => ({ at: days(-age).toISOString(), rows: 1000, bytes: 1e6 }));
  const kept = (age: number, value: number) => [{ day: days(-age).toISOString().slice(0, 10), value }];
  expect(shrink(1, { sets, rowsByDay: kept(40, 2100) }).state).toBe("critical");
  expect(shrink(1, { sets, bytesByDay: kept(40, 1.5e6) }).state).toBe("warning");
  expect(shrink(1, { sets, rowsByDay: kept(44, 2100) })).toMatchObject({
    ...{ state: "ok", measure: { value: 1000, unit: "rows" } },
  });
  expect(shrink(1, { sets: [] }).state).toBe("ok");
});

test("alarms are told without what somebody may have chosen", () => {
  expect(withoutNames(`ALARM: the replica does not hold 2 objects of set ${id} (database/<b>(evil)</b>/x).`)).toBe(
    `the replica does not hold 2 objects of set ${id}.`,
  );
  expect(withoutNames("ALARM: the holds cannot be looked at: bucket x said <b>.")).toBe(
    "the holds cannot be looked at.",
  );
});

test("of several troubles the worst decides, and how many there are is said", () => {
  const warning = { state: "warning", found: "object lock: off", next: "switch it on" } as const;
  expect(judgeTroubles([], "All is locked.", "x")).toEqual({ state: "ok", found: "All is locked." });
  expect(judgeTroubles([warning], "", "x")).toMatchObject({ state: "warning", found: "Object lock: off." });
  expect(judgeTroubles([warning, ...alarmTroubles(["ALARM: gone (a)."], "look")], "", "x")).toMatchObject({
    ...{ state: "critical", found: "Gone. And 1 more thing is wrong.", next: "look" },
  });
});

test("an incident is a warning until the policy expects its end, then critical, and its reason is not told", () => {
  const of = (since: string | null, name = id) =>
    judgeIncident(Object.assign({ id: name, since }, { reason: "keys of Ada stolen" }), 7, now);
  expect(judgeIncident(null, 7, now).state).toBe("ok");
  expect(of(days(-6).toISOString())).toMatchObject({ state: "warning", dueAt: days(1).toISOString() });
  expect(of(days(-7).toISOString()).state).toBe("critical");
  expect(of(null).state).toBe("critical");
  expect(of(null, "<script>").found).not.toContain("script");
  expect(JSON.stringify(of(null))).not.toContain("Ada");
});

test.each([
  [61, "ok", 47],
  [60, "warning", 46],
  [15, "warning", 1],
  [14, "critical", undefined],
  [-1, "critical", undefined],
])("a key that ends in %i days is %s", (left, state, due) => {
  const keys = [
    { role: "escrow", expires: null },
    { role: "prover", expires: days(400) },
    { role: "signing", expires: days(left) },
  ];
  const found = judgeKeys(keys, [], 60, now);
  expect(found).toMatchObject({ state, found: expect.stringContaining("signing key") });
  expect(found.dueAt).toBe(due === undefined ? undefined : days(due).toISOString());
});

test("keys without an end are well, and pins that are wrong are critical", () => {
  expect(judgeKeys([{ role: "escrow", expires: null }], [], 60, now).state).toBe("ok");
  expect(judgeKeys([], ["recipient-missing", "recipient-missing"], 60, now)).toMatchObject({
    ...{ state: "critical", found: expect.stringContaining("(recipient-missing)") },
  });
});

test.each([
  [0, "ok"],
  [2, "ok"],
  [-3, "warning"],
  [15, "warning"],
  [16, "critical"],
  [-60, "critical"],
])("a clock that is %i minutes off is %s", (minutes, state) => {
  expect(judgeClocks(new Date(now.getTime() + minutes * 60_000), now).state).toBe(state);
});

test("packs are opened once a quarter", () => {
  const of = (began: number, read: number) =>
    judgeDeepReads(
      { place: "", roundBegan: days(-began).toISOString(), readAt: days(-read).toISOString(), lastRoundDays: null },
      now,
    );
  expect(judgeDeepReads(undefined, now).state).toBe("warning");
  expect(of(90, 7)).toMatchObject({ state: "ok", dueAt: days(1).toISOString() });
  expect(of(60, 50).state).toBe("warning");
  expect(of(91, 1).state).toBe("critical");
  // By a clock that is wrong: it would count as new for years.
  expect(of(-400, -400).state).toBe("critical");
});

test("a broken promise is critical, a doubtful or accepted one is said; the present has checks of its own", () => {
  const finding = (name: string, level: "broken" | "accepted" | "doubtful") => ({
    name,
    level,
    message: `${name}.`,
    next: "n.",
  });
  expect(judgeKept([finding("now.database", "broken"), finding("now.incident", "doubtful")]).state).toBe("ok");
  expect(judgeKept([finding("rto.completeLoss", "accepted")])).toMatchObject({
    ...{ state: "ok", found: "What is promised holds. 1 gap is accepted for a while." },
  });
  expect(judgeKept([finding("archive-thaw", "doubtful")])).toMatchObject({
    ...{ state: "ok", found: expect.stringContaining("Doubtful: archive-thaw") },
  });
  expect(judgeKept([finding("archive-thaw", "doubtful"), finding("region", "broken")])).toMatchObject({
    ...{ state: "critical", found: "region." },
  });
});

const run = (key: string, hoursAgo: number, ended: RunEnd["ended"], scheduled = true): RunEnd => ({
  ...{ key, work: key, at: new Date(now.getTime() - hoursAgo * 3_600_000).toISOString(), ended, scheduled },
});

test("the last run of each work counts: one failure is a warning, three in a row are critical", () => {
  const state = (...runs: RunEnd[]) => judgeRuns(runs, "run").state;
  expect(state(run("backup", 1, "well"), run("backup", 5, "badly"))).toBe("ok");
  expect(state(run("backup", 1, "badly"), run("backup", 5, "well"), run("sync", 1, "well"))).toBe("warning");
  expect(state(run("a", 1, "badly"), run("a", 2, "badly"), run("a", 3, "badly"))).toBe("critical");
  expect(state(run("a", 1, "badly"), run("a", 2, "without work"), run("a", 3, "badly"))).toBe("warning");
  // A button's run repairs a failure; a failed rehearsal is for whoever started it.
  expect(state(run("a", 1, "well", false), run("a", 2, "badly"))).toBe("ok");
  expect(state(run("restore", 1, "badly", false))).toBe("ok");
});

test("runs that a channel did not take are a warning", () => {
  expect(judgeTold(0, 9)).toBeUndefined();
  expect(judgeTold(2, 9)?.state).toBe("warning");
});

test("a page whose review is overdue, or that tells of none, is a warning that names the oldest", () => {
  const page = (path: string, head: string) => ({ path, ...splitFrontMatter(`---\n${head}\n---\n# x\n`) });
  const good = page("runbooks/a.md", "owner: backups\nreviewed: 2026-11-01\nreview-every-days: 90");
  const old = page("runbooks/b.md", "owner: backups\nreviewed: 2026-08-01\nreview-every-days: 90");
  expect(judgeReviews([good], now)).toMatchObject({ state: "ok", found: expect.stringContaining("2027-01-30") });
  expect(judgeReviews([good, old], now)).toMatchObject({
    state: "warning",
    found: expect.stringContaining("runbooks/b.md"),
  });
  for (const head of ["owner: backups", "owner: [", "reviewed: 2026-11-01"])
    expect(judgeReviews([good, page("runbooks/c.md", head)], now).state).toBe("warning");
});

import { expect, test } from "vitest";
import { type CopyFacts, judgeCopy, judgeProof, judgeVerified } from "../../actions/lib/policy/monitor/copies.ts";
import { nextAttempt, nextDue } from "../../actions/lib/policy/monitor/due.ts";
import type { Period } from "../../actions/lib/policy/period.ts";
import { parseCron, type Work } from "../../actions/lib/policy/schedule.ts";

const sevenADay = ["0 1 * * *", "26 4 * * *", "52 7 * * *", "17 11 * * *", "43 14 * * *", "9 18 * * *", "35 21 * * *"];
const work = (texts: readonly string[], oncePer?: Period): Work => ({
  crons: texts.map(parseCron),
  ...{ oncePer, zoned: false },
});
const timing = (...works: Work[]) => ({ works, lateMinutes: 761, runMinutes: 60 });
const daily = timing(work(sevenADay, "10h"));
const weekly = timing(work(sevenADay, "week"));
const monthly = timing(work(sevenADay, "month-from-sunday"));
const at = (text: string): Date => new Date(`${text}Z`);
const due = (made: string, of: ReturnType<typeof timing>) => nextDue(at(made), of)?.toISOString().slice(0, 16);

test("the next attempt is the first one after a moment, also over the ends of months and years", () => {
  const next = (texts: string[], after: string) => nextAttempt(texts.map(parseCron), at(after))?.toISOString();
  expect(next(sevenADay, "2026-11-24T04:26:00")).toBe("2026-11-24T07:52:00.000Z");
  expect(next(sevenADay, "2026-11-30T21:35:00")).toBe("2026-12-01T01:00:00.000Z");
  expect(next(["37 5 12 1,4,7,10 *"], "2026-10-12T06:00:00")).toBe("2027-01-12T05:37:00.000Z");
  expect(next(["0 0 30 2 *"], "2026-10-12T06:00:00")).toBeUndefined();
});

test("a set that is made several times a day is due after 20 hours, however late GitHub may be", () => {
  expect(due("2026-11-24T04:30:00", daily)).toBe("2026-11-25T00:30");
  expect(due("2026-11-24T23:59:00", daily)).toBe("2026-11-25T19:59");
});

test("a set that is made once a day has GitHub's whole lateness", () => {
  expect(due("2026-11-24T04:30:00", timing(work(["0 1 * * *"])))).toBe("2026-11-25T14:41");
});

test("a week's set is due with the next week's first attempt, whenever this week's was made", () => {
  // The 22nd and the 29th are Sundays.
  for (const made of ["2026-11-22T01:05:00", "2026-11-27T22:00:00"]) expect(due(made, weekly)).toBe("2026-11-29T14:41");
  expect(due("2026-11-01T05:00:00", monthly)).toBe("2026-12-06T14:41");
});

test("what follows a zone's clock has half a day more, and what nothing makes is never due", () => {
  expect(due("2026-11-22T01:05:00", timing({ ...work(sevenADay, "week"), zoned: true }))).toBe("2026-11-30T02:41");
  expect(due("2026-11-22T01:05:00", timing())).toBeUndefined();
});

const copy = (change: Partial<CopyFacts>) =>
  judgeCopy({
    ...{ what: "daily set", newestAt: "2026-11-24T04:30:00Z", now: at("2026-11-24T12:00:00"), ...daily },
    ...change,
  });

test("a copy is well until the next one is due, and critical from that moment on", () => {
  const dueAt = "2026-11-25T00:30:00.000Z";
  expect(copy({})).toMatchObject({ state: "ok", dueAt, found: expect.stringContaining("7 h 30 min old") });
  expect(copy({ now: new Date(Date.parse(dueAt) - 1) }).state).toBe("ok");
  const late = copy({ now: new Date(dueAt) });
  expect(late).toMatchObject({ state: "critical", next: expect.stringContaining("workflow backup") });
  expect(late.dueAt).toBeUndefined();
});

test("a copy that was never made, that nothing makes again, or that is dated ahead is critical", () => {
  expect(copy({ newestAt: undefined })).toMatchObject({
    state: "critical",
    found: "There is no daily set in the vault.",
  });
  expect(copy({ works: [] }).state).toBe("critical");
  expect(copy({ newestAt: "2026-11-24T12:59:00Z" }).state).toBe("ok");
  expect(copy({ newestAt: "2026-11-24T13:01:00Z" })).toMatchObject({
    state: "critical",
    found: expect.stringContaining("is in the future"),
  });
});

test("what else has to be known is said in each case", () => {
  for (const change of [{}, { newestAt: undefined }, { works: [] }, { now: at("2027-01-01T00:00:00") }])
    expect(copy({ ...change, note: "An incident is on." }).found).toMatch(/ An incident is on\.$/);
});

test("a proof is well for as many days as are promised", () => {
  const facts = { provenAt: "2026-11-02T09:00:00Z", restoreSeconds: 300, withinDays: 40, rtoMinutes: 120 };
  expect(judgeProof({ ...facts, now: at("2026-12-12T08:59:00") })).toMatchObject({
    ...{ state: "ok", dueAt: "2026-12-12T09:00:00.000Z" },
    measure: { value: 300, limit: 7200, unit: "seconds" },
  });
  expect(judgeProof({ ...facts, now: at("2026-12-12T09:00:00") }).state).toBe("critical");
  expect(judgeProof({ ...facts, provenAt: undefined, now: at("2026-11-03T00:00:00") }).state).toBe("critical");
  // By a clock that is wrong: it would count as new for years.
  expect(judgeProof({ ...facts, provenAt: "2031-01-01T00:00:00Z", now: at("2026-11-03T00:00:00") }).state).toBe(
    "critical",
  );
});

test("a newest set that is not whole is a warning while the last whole one is young, then critical", () => {
  const now = at("2026-11-24T12:00:00");
  const set = (snapshotAt: string, verified: boolean) => ({ set: "20261124T043000Z-1a2b3c4d", snapshotAt, verified });
  const state = (sets: Parameters<typeof judgeVerified>[0]["sets"], readBack = true) =>
    judgeVerified({ sets, readBack, now }).state;
  expect(state([set("2026-11-24T04:30:00Z", true)])).toBe("ok");
  expect(state([set("2026-11-24T04:30:00Z", false), set("2026-11-23T18:00:00Z", true)])).toBe("warning");
  expect(state([set("2026-11-24T04:30:00Z", false), set("2026-11-22T18:00:00Z", true)])).toBe("critical");
  expect(state([set("2026-11-24T04:30:00Z", false)])).toBe("critical");
  expect(state([set("2026-11-24T04:30:00Z", false)], false)).toBe("warning");
  expect(state([])).toBe("critical");
});

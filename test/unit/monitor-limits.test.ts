import { describe, expect, test } from "vitest";
import {
  judgeDatabaseSize,
  judgeDisk,
  judgeEgress,
  judgeStorageSize,
  limitFinding,
} from "../../actions/lib/policy/monitor/limits.ts";

const now = new Date("2026-11-30T09:00:00Z");
const GB = 1e9;
const warningDays = 45;

/** Thirty days that end with `value`. */
const growing = (value: number, perDay: number) =>
  Array.from({ length: 30 }, (_, at) => ({
    day: new Date(now.getTime() - (30 - at) * 86_400_000).toISOString().slice(0, 10),
    value: value - (30 - at) * perDay,
  }));

const texts = { means: "It is full.", next: "Make room." };
const about = (value: number, limit: number | null, perDay: number) =>
  limitFinding({ what: "It holds", value, limit, history: growing(value, perDay), now, warningDays, ...texts });

describe("a limit", () => {
  test.each([
    [10, 0, "ok"],
    [79, 0, "ok"],
    [80, 0, "warning"],
    [94, 0, "warning"],
    [95, 0, "critical"],
    [120, 0, "critical"],
    // Fifty days left, forty-four, fifteen, fourteen.
    [50, 1, "ok"],
    [56, 1, "warning"],
    [70, 2, "warning"],
    [72, 2, "critical"],
    // What shrinks is only judged by its share.
    [79, -1, "ok"],
    [85, -1, "warning"],
  ])("of 100 with %d of it used and %d more a day is %s", (value, perDay, state) => {
    const finding = about(value * GB, 100 * GB, perDay * GB);
    expect(finding.state).toBe(state);
    expect(finding.measure).toEqual({ value: value * GB, limit: 100 * GB, unit: "bytes" });
    expect(finding.next === undefined).toBe(state === "ok");
  });

  test("says its share, its pace and the day on which it is reached", () => {
    expect(about(70 * GB, 100 * GB, 2 * GB).found).toBe(
      "It holds 70.0 GB of 100 GB (70 %). It grows by about 2.00 GB a day. At this pace the limit is reached about 2026-12-15.",
    );
    expect(about(100 * GB, 100 * GB, 2 * GB).found).toContain("The limit is reached.");
  });

  test("that nobody knows is none, and the pace is told all the same", () => {
    const finding = about(100 * GB, null, 2 * GB);
    expect(finding).toMatchObject({ state: "ok", measure: { limit: null } });
    expect(finding.found).toBe("It holds 100 GB. It grows by about 2.00 GB a day.");
  });
});

describe("the disk", () => {
  const looked = (used: number, perDay = 0) => ({ history: growing(used, perDay), now, warningDays });
  const disk = (used: number, mostBytes: number | null | undefined, perDay = 0) =>
    judgeDisk({ sizeBytes: 10 * GB, usedBytes: used, mostBytes }, looked(used, perDay));

  test("that grows by itself is measured by what it may grow to, until it is nearly full now", () => {
    expect(disk(8.5 * GB, 100 * GB)).toMatchObject({ state: "ok", measure: { limit: 100 * GB } });
    expect(disk(8.5 * GB, 100 * GB).found).toContain("grows by itself up to 100 GB");
    expect(disk(8.5 * GB, null)).toMatchObject({ state: "ok", measure: { limit: null } });
    expect(disk(9.2 * GB, null).state).toBe("warning");
    expect(disk(9.6 * GB, 100 * GB)).toMatchObject({ state: "critical", next: expect.stringContaining("Enlarge") });
  });

  test("that does not, or of which nobody knows, by what it has", () => {
    expect(disk(8.5 * GB, 10 * GB)).toMatchObject({ state: "warning", measure: { limit: 10 * GB } });
    expect(disk(8.5 * GB, undefined)).toMatchObject({ state: "warning", measure: { limit: 10 * GB } });
    expect(disk(9.6 * GB, 10 * GB).state).toBe("critical");
  });

  test("counts as full at 95 %, where writing ends", () => {
    // 0.5 GB a day from 5 GB: 9 days to 9.5 GB, 10 to the last byte.
    expect(disk(5 * GB, 10 * GB, 0.5 * GB).found).toContain("about 2026-12-09");
  });
});

test("the plan free bounds the database; of others its disk does", () => {
  const looked = { value: 0.45 * GB, history: [], now, warningDays };
  expect(judgeDatabaseSize(looked, "free")).toMatchObject({ state: "warning", measure: { limit: 0.5 * GB } });
  expect(judgeDatabaseSize(looked, "pro")).toMatchObject({ state: "ok", measure: { limit: null } });
});

test("files are bounded by the plan, or by what the policy says was bought", () => {
  const looked = { value: 97 * GB, history: [], now, warningDays };
  expect(judgeStorageSize(looked, "pro", null)).toMatchObject({ state: "critical", measure: { limit: 100 * GB } });
  expect(judgeStorageSize(looked, "pro", 500 * GB)).toMatchObject({ state: "ok", measure: { limit: 500 * GB } });
  expect(judgeStorageSize(looked, "enterprise", null)).toMatchObject({ state: "ok", measure: { limit: null } });
});

describe("what backups read in a month", () => {
  const month = { from: new Date("2026-11-01T00:00:00Z"), until: new Date("2026-12-01T00:00:00Z") };
  const read = (gigabytes: number, at = now) =>
    judgeEgress({ bytes: gigabytes * GB, allowance: 250 * GB, ...month }, at);

  test.each([
    [100, "ok"],
    [205, "warning"],
    [240, "critical"],
  ])("%d of 250 GB at its end: %s", (gigabytes, state) => expect(read(gigabytes).state).toBe(state));

  test("is told before it is too much, by its pace", () => {
    expect(read(80, new Date("2026-11-10T00:00:00Z")).state).toBe("warning");
    expect(read(2, new Date("2026-11-01T00:30:00Z")).state).toBe("ok");
    // The archive, the week's set and two daily ones fall into the month's first day.
    expect(read(11, new Date("2026-11-01T16:00:00Z")).state).toBe("ok");
  });

  test("says that the application's own part is not known, and has no limit where none is agreed", () => {
    expect(read(1).found).toContain("Supabase's API does not say");
    expect(judgeEgress({ bytes: 900 * GB, allowance: null, ...month }, now)).toMatchObject({ state: "ok" });
  });
});

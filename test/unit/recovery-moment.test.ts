import { describe, expect, test } from "vitest";
import {
  describeMoment,
  readMoment,
  refuseBeforeWindow,
} from "../../actions/lib/operations/recover/database-failure/moment.ts";

const now = Date.UTC(2026, 10, 29, 14, 30);
const zone = "America/New_York";
const read = (text: string) => readMoment(text, now, zone);

describe("the moment that a database goes back to", () => {
  test.each([
    ["2026-11-29T14:05:00Z", "2026-11-29T14:05:00Z"],
    ["2026-11-29t14:05:00z", "2026-11-29T14:05:00Z"],
    ["2026-11-29 09:05:00-05:00", "2026-11-29T14:05:00Z"],
    ["2026-11-29T19:35:00+05:30", "2026-11-29T14:05:00Z"],
    ["2026-11-29T14:05:00.999Z", "2026-11-29T14:05:00Z"],
    ["2026-11-29T14:05:00-00:00", "2026-11-29T14:05:00Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"],
  ])("%s is %s", (text, utc) => {
    expect(read(text).unix).toBe(Date.parse(utc) / 1000);
  });

  test.each([
    "yesterday",
    "",
    "2026-11-29",
    "14:05",
    "1764425100",
    "2026-11-29T14:05Z",
    "2026-02-30T14:05:00Z",
    "2026-11-29T24:00:00Z",
    "2026-11-29T14:05:60Z",
    "2026-11-29T14:05:00+25:00",
    "2026-11-29T14:05:00 EST",
    "29.11.2026 14:05:00",
    "2026-11-29T14:05:00Z; drop table x",
  ])("%j is refused, with an example", (text) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: "time-form", exitCode: 2, next: expect.stringContaining("T09:05:00-05:00") }),
    );
  });

  test("a time without offset is refused, with what it would be here", () => {
    expect(() => read("2026-11-29T09:05:00")).toThrow(
      expect.objectContaining({ code: "time-offset", next: expect.stringContaining("2026-11-29T09:05:00-05:00") }),
    );
    expect(() => readMoment("2026-07-01T12:00:00", now, "Asia/Kolkata")).toThrow(
      expect.objectContaining({ next: expect.stringContaining("2026-07-01T12:00:00+05:30") }),
    );
  });

  test("a time that was twice in the night in which summer time ended gets both moments to choose from", () => {
    expect(() => read("2026-11-01T01:30:00")).toThrow(
      expect.objectContaining({
        code: "time-offset",
        message: expect.stringContaining("it was twice"),
        next: expect.stringMatching(/2026-11-01T01:30:00-04:00 or 2026-11-01T01:30:00-05:00/),
      }),
    );
  });

  test("a time over which clocks were put forward never was", () => {
    expect(() => read("2026-03-08T02:30:00")).toThrow(
      expect.objectContaining({ code: "time-offset", message: expect.stringContaining("there was no such time") }),
    );
  });

  test("the future is refused, also one that only a wrong offset makes", () => {
    for (const text of ["2026-11-29T14:30:01Z", "2026-11-29T14:05:00-05:00"])
      expect(() => read(text)).toThrow(expect.objectContaining({ code: "time-future", exitCode: 2 }));
  });

  test("what is before the window is refused, with what the window is", () => {
    const window = { earliest: Date.UTC(2026, 10, 22) / 1000, latest: Date.UTC(2026, 10, 29) / 1000 };
    expect(() => refuseBeforeWindow(read("2026-11-21T23:59:59Z"), window)).toThrow(
      expect.objectContaining({
        code: "time-before-window",
        exitCode: 2,
        message: expect.stringContaining("2026-11-22 00:00:00 UTC"),
      }),
    );
    expect(() => refuseBeforeWindow(read("2026-11-22T00:00:00Z"), window)).not.toThrow();
  });

  test("is told in UTC, in local time, and by what is known to be good", () => {
    const lastGood = { at: Date.UTC(2026, 10, 29, 14, 8), what: "the newest sentinel" };
    expect(describeMoment(read("2026-11-29T14:05:00Z"), lastGood, zone)).toBe(
      "2026-11-29 14:05:00 UTC, 2026-11-29 09:05:00 in America/New_York, 3 min before the newest sentinel (2026-11-29 14:08:00 UTC)",
    );
    expect(describeMoment(read("2026-11-29T14:10:00Z"), lastGood, "UTC")).toBe(
      "2026-11-29 14:10:00 UTC, 2 min after the newest sentinel (2026-11-29 14:08:00 UTC)",
    );
  });
});

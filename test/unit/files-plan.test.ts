import { describe, expect, test } from "vitest";
import { Lanes } from "../../actions/lib/base/flow/bounded.ts";
import { judge } from "../../actions/lib/operations/restore-files/compare-files.ts";
import { Chooser, everyFile, readList } from "../../actions/lib/operations/restore-files/selection.ts";
import { hiddenNearer, snapshotFor } from "../../actions/lib/operations/restore-files/vault-snapshot.ts";
import { sampleOf } from "../../actions/lib/operations/restore-files/verify-files.ts";

const md5 = (letter: string): string => `"${letter.repeat(32)}"`;

describe("a row of the target says of a file", () => {
  const file = { bytes: 10, eTag: md5("a") };
  const row = { bytes: 10, eTag: md5("a"), version: "v" };
  test.each([
    ["absent", undefined],
    ["alike", row],
    ["alike", { ...row, eTag: "a".repeat(32) }],
    ["different", { ...row, eTag: md5("b") }],
    ["different", { ...row, bytes: 11 }],
    ["unsure", { ...row, eTag: `"${"a".repeat(32)}-2"` }],
    ["unsure", { ...row, eTag: null }],
    ["unsure", { ...row, bytes: null }],
  ] as const)("%s", (likeness, present) => {
    expect(judge(file, present)).toBe(likeness);
  });

  test("unsure where the source's own ETag depends on parts", () => {
    expect(judge({ bytes: 10, eTag: `"${"a".repeat(32)}-2"` }, row)).toBe("unsure");
  });
});

describe("the choice of files", () => {
  const file = { bucket: "exams", name: "a/b.pdf", ownerId: "noura" };

  test("takes all that every option allows", () => {
    expect(new Chooser(everyFile).wants(file)).toBe(true);
    expect(new Chooser({ ...everyFile, buckets: ["exams"], prefix: "a/", owner: "noura" }).wants(file)).toBe(true);
    expect(new Chooser({ ...everyFile, buckets: ["other"] }).wants(file)).toBe(false);
    expect(new Chooser({ ...everyFile, prefix: "b" }).wants(file)).toBe(false);
    expect(new Chooser({ ...everyFile, owner: "sara" }).wants(file)).toBe(false);
  });

  test("counts the lines of a list that are in no snapshot, without naming them", () => {
    const chooser = new Chooser({ ...everyFile, list: readList("exams/a/b.pdf\r\n\nexams/ blank \n") });
    expect(chooser.wants(file)).toBe(true);
    expect(() => chooser.refuseUnknown(["exams"])).toThrow(/^1 of the 2 files/);
    expect(() => chooser.refuseUnknown(["exams"])).not.toThrow(/blank/);
    expect(chooser.wants({ ...file, name: " blank " })).toBe(true);
    expect(() => chooser.refuseUnknown(["exams"])).not.toThrow();
  });

  test("refuses a prefix or an owner that no file has, but not a bucket without files", () => {
    for (const choice of [{ prefix: "A/" }, { owner: "nour" }]) {
      const chooser = new Chooser({ ...everyFile, ...choice });
      expect(chooser.wants(file)).toBe(false);
      expect(() => chooser.refuseUnknown(["exams"])).toThrow(/No file of the snapshot/);
    }
    const emptyBucket = new Chooser({ ...everyFile, buckets: ["results"] });
    expect(emptyBucket.wants(file)).toBe(false);
    expect(() => emptyBucket.refuseUnknown(["exams", "results"])).not.toThrow();
  });

  test("refuses a bucket that the snapshot does not have, and names those that it has", () => {
    const chooser = new Chooser({ ...everyFile, buckets: ["exam"] });
    expect(() => chooser.refuseUnknown(["exams", "results"])).toThrow(/no bucket exam; it has exams, results/);
  });
});

describe("the snapshot that goes with a set", () => {
  const at = (time: string, together: string | null = null) => ({
    set: time,
    snapshotAt: `2026-11-${time}T00:00:00Z`,
    databaseSet: together === null ? null : { tier: "daily" as const, set: together },
  });
  const moment = { set: "the set", snapshotAt: "2026-11-20T12:00:00Z" };

  test.each([
    ["same", "22", [at("23"), at("22", "the set"), at("20")]],
    ["earlier", "20", [at("23"), at("20"), at("19")]],
    ["later", "21", [at("23"), at("21")]],
  ] as const)("is of the %s time", (fit, set, snapshots) => {
    expect(snapshotFor(moment, snapshots)).toEqual({ set, fit });
  });

  test("is the one that the set names, before all others", () => {
    const named = { ...moment, files: { set: "19" } };
    expect(snapshotFor(named, [at("22", "the set"), at("20"), at("19")])).toEqual({ set: "19", fit: "same" });
    // Retention has taken it.
    expect(snapshotFor(named, [at("23"), at("20")])).toEqual({ set: "20", fit: "earlier" });
  });

  test("is none where there are none", () => {
    expect(snapshotFor(moment, [])).toBeUndefined();
  });

  test.each([
    ["that the set names", "20261101T000000Z-aaaaaaaa", { set: "20261119T000000Z-bbbbbbbb", fit: "earlier" }],
    ["between it and the set", "20261120T110000Z-bbbbbbbb", { set: "20261119T000000Z-bbbbbbbb", fit: "earlier" }],
    ["when all others are later", "20261121T000000Z-bbbbbbbb", { set: "20261122T000000Z-bbbbbbbb", fit: "later" }],
    ["when there are no others", "20261121T000000Z-bbbbbbbb", undefined],
  ] as const)("is not guessed past a hidden one %s", (_when, hidden, found) => {
    const named = { ...moment, files: { set: "20261101T000000Z-aaaaaaaa" } };
    expect(hiddenNearer(named, found, [hidden])).toBe(hidden);
  });

  test.each([
    ["of another time", { set: "20261119T000000Z-bbbbbbbb", fit: "earlier" }],
    ["when the right one is there", { set: "20261119T000000Z-bbbbbbbb", fit: "same" }],
  ] as const)("is not refused for a hidden one %s", (_when, found) => {
    expect(hiddenNearer(moment, found, ["20261118T000000Z-bbbbbbbb", "20261121T000000Z-bbbbbbbb"])).toBeUndefined();
  });
});

test("a sample has its share of the files, at least one, each once", () => {
  const files = Array.from({ length: 200 }, (_, index) => index);
  const sample = sampleOf(files, 0.05);
  expect(sample).toHaveLength(10);
  expect(new Set(sample).size).toBe(10);
  expect(sampleOf(files, 0.0001)).toHaveLength(1);
  expect(sampleOf([], 0.05)).toEqual([]);
  expect(sampleOf(files, 1)).toEqual(files);
});

test("lanes hold no more than they are told, and one of any size", async () => {
  const lanes = new Lanes(2, 100);
  const first = await lanes.enter(1000);
  let entered = false;
  const waiting = lanes.enter(1).then((leave) => {
    entered = true;
    return leave;
  });
  await Promise.resolve();
  expect(entered).toBe(false);
  first();
  (await waiting)();
  expect(entered).toBe(true);
});

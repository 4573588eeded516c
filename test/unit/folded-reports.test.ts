import { describe, expect, test } from "vitest";
import { allRows, foldedPath, foldRuns, readRuns, type Tree } from "../../actions/lib/report/branch/fold-runs.ts";
import { planBranch } from "../../actions/lib/report/branch/plan-branch.ts";
import { decodeRows, encodeRows, rowOf } from "../../actions/lib/report/run/run-row.ts";
import { now, reportOf, simulatedDay } from "./simulated-runs.ts";

const tree = (files: ReadonlyMap<string, string> = new Map()): Tree => ({
  paths: [...files.keys()],
  read: (path) => files.get(path) ?? "",
});
function after(files: ReadonlyMap<string, string>, changes: ReadonlyMap<string, string | null>): Map<string, string> {
  const all = new Map(files);
  for (const [path, text] of changes) {
    if (text === null) all.delete(path);
    else all.set(path, text);
  }
  return all;
}

describe("folding", () => {
  test.each([
    ["2026-11-01T00:00:00.000Z", undefined],
    ["2026-08-01T00:00:00.000Z", undefined],
    ["2026-07-31T23:59:59.999Z", "runs/2026/2026-07.ndjson"],
    ["2025-12-31T00:00:00.000Z", "runs/2025/2025-12.ndjson"],
    ["2024-12-31T00:00:00.000Z", "runs/2024.ndjson"],
  ])("of a run of %s: %s", (at, path) => expect(foldedPath(at, now)).toBe(path));

  test("keeps every run, whatever day it is published on, and telling again changes nothing", () => {
    const first = new Date("2026-01-01T00:00:00Z");
    let files = new Map<string, string>();
    let count = 0;
    for (let day = 0; day < 1200; day += 60) {
      const reports = simulatedDay(day, first);
      count += reports.length;
      const time = new Date(first.getTime() + (day + 1) * 86_400_000);
      files = after(files, foldRuns(readRuns(tree(files)), reports, time).changes);
      expect(foldRuns(readRuns(tree(files)), reports, time).changes.size).toBe(0);
      expect(allRows(readRuns(tree(files)))).toHaveLength(count);
    }
    expect([...files.keys()].filter((path) => /^runs\/\d{4}\.ndjson$/.test(path))).toEqual([
      "runs/2026.ndjson",
      "runs/2027.ndjson",
    ]);
  });

  test("leaves alone what is not ours, and says so", () => {
    const files = new Map([
      ["runs/2026/11/x.json", "{}"],
      ["runs/2026/2026-01.ndjson", "not json\n"],
      ["notes.txt", "mine"],
    ]);
    const plan = planBranch(tree(files), {
      project: "q",
      reports: [reportOf({})],
      standing: undefined,
      notes: [],
      now,
    });
    expect(plan.foreign).toEqual(["runs/2026/11/x.json", "runs/2026/2026-01.ndjson"]);
    for (const path of files.keys()) expect(plan.changes.has(path)).toBe(false);
  });

  test("of a line gives the line", () => {
    const rows = simulatedDay(13, now).map(rowOf);
    expect(decodeRows(encodeRows(rows)).rows).toHaveLength(rows.length);
    expect(decodeRows(`${encodeRows(rows)}{"a":1}\n`).foreign).toBe(1);
  });

  test("passes over a row whose time is none", () => {
    const [row] = simulatedDay(13, now).map(rowOf);
    const line = JSON.stringify({ ...row, at: "yesterday" });
    expect(decodeRows(`${line}\n`)).toEqual({ rows: [], foreign: 1 });
  });
});

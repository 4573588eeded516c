import { describe, expect, test } from "vitest";
import { allRows, readRuns, type Tree } from "../../actions/lib/report/branch/fold-runs.ts";
import { planBranch } from "../../actions/lib/report/branch/plan-branch.ts";
import { simulatedDay } from "./simulated-runs.ts";

const first = new Date("2026-01-01T00:00:00Z");
const days = 3650;
const day = 86_400_000;

/** The branch's files, in memory. */
class Memory implements Tree {
  readonly files = new Map<string, string>();
  get paths(): string[] {
    return [...this.files.keys()];
  }
  read(path: string): string {
    return this.files.get(path) ?? "";
  }
  apply(changes: ReadonlyMap<string, string | null>): void {
    for (const [path, text] of changes) {
      if (text === null) this.files.delete(path);
      else this.files.set(path, text);
    }
  }
  get bytes(): number {
    return [...this.files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  }
}

describe("the branch of ten years", () => {
  // A month at a time: what is folded does not depend on how often.
  const branch = new Memory();
  let told = 0;
  let slowest = 0;
  for (let from = 0; from < days; from += 30) {
    const until = Math.min(days, from + 30);
    const reports = Array.from({ length: until - from }, (_, index) => simulatedDay(from + index, first)).flat();
    told += reports.length;
    const now = new Date(first.getTime() + until * day);
    const begun = performance.now();
    const { changes } = planBranch(branch, { project: "qimma", reports, standing: undefined, notes: [], now });
    slowest = Math.max(slowest, performance.now() - begun);
    branch.apply(changes);
  }

  test("stays small, and tells of every run", () => {
    console.log(
      `${told} runs of ${days} days: ${(branch.bytes / 1e6).toFixed(1)} MB in ${branch.files.size} files; a month's reports planned in at most ${slowest.toFixed(0)} ms`,
    );
    expect(branch.bytes).toBeLessThan(50e6);
    expect(branch.files.size).toBeLessThan(3000);
    const rows = allRows(readRuns(branch));
    expect(rows).toHaveLength(told);
    expect(new Set(rows.map(({ run, attempt }) => `${run}/${attempt}`)).size).toBe(told);
  });

  test("has its pages made anew in a moment", () => {
    const now = new Date(first.getTime() + days * day);
    const begun = performance.now();
    const { changes } = planBranch(branch, {
      project: "qimma",
      reports: simulatedDay(days, first),
      standing: undefined,
      notes: [],
      now,
    });
    console.log(`one more day: ${(performance.now() - begun).toFixed(0)} ms, ${changes.size} files changed`);
    expect([...changes.keys()].filter((path) => path.endsWith("ndjson"))).toEqual([]);
  });

  test("has pages that are small and of text", () => {
    for (const [path, text] of branch.files) {
      if (path.startsWith("charts/")) expect(text.length, path).toBeLessThan(16_000);
      expect(text.includes("\0"), path).toBe(false);
    }
    expect(branch.read("README.md").length).toBeLessThan(16_000);
  });
});

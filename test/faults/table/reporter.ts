import type { Reporter, TestModule } from "vitest/node";
import type { FaultRecord } from "./row.ts";

/** Set by `npm run faults`: every row is printed, not only their count, and the run after each is made. */
export const tableWanted = "LIFEBOAT_FAULT_TABLE";

/** Counts the faults of all test files, and prints the results. */
export default class FaultReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const records = modules.flatMap((module) =>
      [...module.children.allTests()].flatMap((test) => test.meta().faults ?? []),
    );
    if (records.length === 0) return;
    const lines = process.env[tableWanted] === "1" ? renderTable(records) : [];
    process.stdout.write(`${[...lines, "", countLine(records), ""].join("\n")}\n`);
  }
}

export function countLine(records: readonly FaultRecord[]): string {
  const right = records.filter((record) => record.right).length;
  const lies = records.filter(({ falseSuccess }) => falseSuccess).length;
  return `faults: ${records.length} injected, ${right} right outcome, ${lies} false successes`;
}

/** One line for all rows of the same stage, kind and result: random kills are many. */
export function renderTable(records: readonly FaultRecord[]): string[] {
  const heading = ["stage", "fault", "by whom", "times", "outcome", ""];
  const groups = Map.groupBy(records, ({ stage, kind, holder, expected, seen, right }) =>
    JSON.stringify([stage, kind, holder, expected, seen, right]),
  );
  const rows = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { stage, kind, holder = "", expected, seen, right } = first;
    const verdict = right ? "ok" : seen === expected ? "BROKEN" : `WRONG: should be ${expected}`;
    return [[stage, kind, holder, String(group.length), seen, verdict]];
  });
  const widths = heading.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  return ["", line(heading), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

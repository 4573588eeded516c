import { inspect } from "node:util";
import { expect, type TestContext } from "vitest";
import { type FaultRow, recordOf, type Seen } from "./row.ts";

/** Compares the result of a fault with its row, and tells the reporter. */
export function judge(task: TestContext["task"], row: FaultRow<never, unknown>, seen: Seen): void {
  task.meta.faults = [recordOf(row, seen)];
  expect(seen, inspect(seen)).toMatchObject({ outcome: row.outcome, broken: [], falseSuccess: false });
  if (row.code !== undefined) expect(seen.code).toMatch(new RegExp(row.code));
}

import type { RestoreCheck } from "../../../config/policy/restore-test.ts";
import type { CheckOutcome } from "../../../vault/format/proof.ts";

/** What came of one check. `finding` tells counts, codes and names only; a value that was found never stands in it. */
export interface CheckResult {
  readonly name: string;
  readonly kind: RestoreCheck["kind"];
  readonly outcome: CheckOutcome;
  readonly finding: string;
  readonly seconds: number;
}

/** A check's own answer, before it is timed and named. */
export interface Answer {
  readonly outcome: CheckOutcome;
  readonly finding: string;
}

export const passed = (finding: string): Answer => ({ outcome: "passed", finding });
export const failed = (finding: string): Answer => ({ outcome: "failed", finding });
export const timedOut = (seconds: number): Answer => ({
  outcome: "timed-out",
  finding: `no answer within ${seconds} s`,
});
export const notRun = (why: string): Answer => ({ outcome: "not-run", finding: why });

import type { CheckName, Finding } from "../../policy/monitor/check.ts";
import type { DayFigure } from "../../policy/monitor/trend.ts";
import type { Anchor } from "../../vault/audit/verify.ts";
import type { Context } from "../context.ts";

/** What the checks of one run work with. What several of them read is read once, by the room that offers it. */
export interface Look {
  readonly context: Context;
  /** When this run looks: checks judge by it alone, never by the machine's clock. */
  readonly now: Date;
  /** What the measure of a check was on earlier days, oldest first, at most one a day; empty when nothing is kept. */
  history(id: string): readonly DayFigure[];
  /** Heads of the audit trail that committed reports tell; undefined: the branch could not be read. */
  readonly heads?: readonly ToldHead[] | undefined;
}

/** Where the audit trail ended when a run ended, as its report tells. */
export interface ToldHead extends Anchor {
  /** ISO 8601: of the run. */
  readonly at: string;
}

/**
 * One row of the monitor's table. `look` judges and throws what its sources throw: the table turns a missing permission or an answer that
 * did not come into `unknown`, and anything that nobody expected into `critical`.
 */
export interface Check extends CheckName {
  look(): Promise<Finding>;
}

/** What several checks ask: the first that needs it asks, and its answer, or its failure, is that of all. */
export function once<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let asked: Promise<Value> | undefined;
  return () => {
    asked ??= ask();
    return asked;
  };
}

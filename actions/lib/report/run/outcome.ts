import type { Page } from "../page.ts";
import type { RunFacts } from "./run-report.ts";

export type News = "begun" | "over";

/** What a run came to, for everybody who hears of it. */
export interface Outcome {
  /** By the names that the operation declares. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** For the terminal and for a job's summary; its sentence stands in the report. */
  readonly page: Page;
  /** For reports; default: none. */
  readonly facts?: RunFacts;
  /** There was nothing to do. */
  readonly skipped?: boolean;
  /** Another job of the run goes on with it: that this one went well is no news to anybody yet. */
  readonly unfinished?: boolean;
  /** People hear of it at once although it went well: something began that they have to know of, or it is over. */
  readonly news?: News;
  /** Why the run failed although its work was done, e.g. a set that was found damaged. */
  readonly failure?: { readonly code: string; readonly message: string; readonly next: string };
}

/** Why a run fails although its work was done: somebody else has written to the vault. Undefined without an alarm. */
export function meddlingFailure(alarms: readonly string[]): Outcome["failure"] {
  if (alarms.length === 0) return undefined;
  return {
    code: "vault-meddled",
    message: alarms.join(" "),
    next: "Nothing was removed from the vault. Find out who can write to it and did, then put back what was there: runbooks/vault-meddled.md.",
  };
}

import type { Page } from "./page.ts";
import type { RunFacts } from "./run-report.ts";

/** What an action gives back: outputs by the names of its action.yml, the page for the job's summary, and the facts for reports. */
export interface ActionResult {
  readonly outputs: Readonly<Record<string, string>>;
  readonly page: Page;
  readonly facts: RunFacts;
  /** There was nothing to do. */
  readonly skipped?: boolean;
  /** Another job of the run goes on with it: that this one went well is no news to anybody yet. */
  readonly unfinished?: boolean;
  /** Why the job must fail although the work was done, e.g. a set that was found damaged. */
  readonly failure?: { readonly code: string; readonly message: string; readonly next: string };
}

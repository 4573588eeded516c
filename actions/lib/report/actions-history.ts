import type { ApiJob, ApiRun } from "./reconcile.ts";

/** What is needed of GitHub to know of runs that could not speak for themselves. */
export interface ActionsHistory {
  /** Runs that were asked for since then, each in its newest attempt. */
  runsSince(since: Date): Promise<ApiRun[]>;
  /** An earlier attempt; undefined when GitHub does not know it any more. */
  attempt(run: ApiRun, attempt: number): Promise<ApiRun | undefined>;
  jobs(run: ApiRun): Promise<ApiJob[]>;
  /** Whether changes of main must pass a pull request, or pushes to it are kept from somebody at least. */
  protectsMain(): Promise<boolean>;
}

import * as core from "@actions/core";
import type { Page } from "../report/page.ts";
import { createActionsLog } from "./actions-log.ts";
import { collectInOneGo } from "./collector.ts";
import { reportError } from "./error-report.ts";
import { onInterrupt } from "./interrupt.ts";
import { writeSummary } from "./job-summary.ts";
import type { Log } from "./log.ts";

/** What an action gives back: outputs by the names of its action.yml, and the page for the job's summary. */
export interface ActionResult {
  readonly outputs: Readonly<Record<string, string>>;
  readonly page: Page;
  /** Why the job must fail although the work was done, e.g. a set that was found damaged. */
  readonly failure?: string;
}

export interface ActionContext {
  readonly log: Log;
  /** Aborted when the job is cancelled. */
  readonly signal: AbortSignal;
}

/**
 * Runs an action's work. Whatever it throws fails the job with what happened, what to do next and the page to read.
 *
 * @param runbook page below the repository's root
 */
export async function runAction(
  name: string,
  runbook: string,
  work: (context: ActionContext) => Promise<ActionResult>,
): Promise<void> {
  collectInOneGo();
  using interrupt = onInterrupt();
  try {
    const result = await work({ log: createActionsLog(), signal: interrupt.signal });
    for (const [output, value] of Object.entries(result.outputs)) core.setOutput(output, value);
    await writeSummary(result.page);
    if (result.failure !== undefined) core.setFailed(`${result.failure} See ${runbook}.`);
  } catch (error) {
    const { message, next, code } = reportError(error);
    core.setFailed(`${message}\n${next}\nSee ${runbook}.`);
    await writeSummary({ title: `${name} failed`, sentence: `${message} ${next}`, tables: [] });
    core.setOutput("error-code", code);
  }
}

/** An input, or undefined when it is not given (GitHub gives the empty string). */
export function optionalInput(name: string): string | undefined {
  const value = core.getInput(name);
  return value === "" ? undefined : value;
}

/** `true` or `false`; what is not given is false. */
export function booleanInput(name: string): boolean {
  return optionalInput(name) !== undefined && core.getBooleanInput(name);
}

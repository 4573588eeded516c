import * as core from "@actions/core";
import { collectInOneGo } from "../base/collector.ts";
import { ConfigurationError } from "../base/errors.ts";
import { onInterrupt } from "../base/flow/stages.ts";
import type { Log } from "../base/log.ts";
import { operationNames } from "../notify/alert.ts";
import { type Page, renderMarkdown } from "../report/page.ts";
import type { ActionResult } from "../report/run/action-result.ts";
import type { Operation } from "../report/run/run-report.ts";
import { createActionsLog } from "./actions-log.ts";
import { type Ended, reportedRun } from "./reported-run.ts";

export interface ActionContext {
  readonly log: Log;
  /** Aborted when the job is cancelled. */
  readonly signal: AbortSignal;
}

/**
 * Runs an action's work. Whatever it throws fails the job with what happened, what to do next and the page to read. Every
 * ending leaves a report: done, nothing to do, failed, cancelled.
 *
 * @param runbook page below the repository's root
 */
export async function runAction(
  operation: Operation,
  runbook: string,
  work: (context: ActionContext) => Promise<ActionResult>,
): Promise<void> {
  collectInOneGo();
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  await reportedRun<ActionResult>({
    ...{ operation, runbook, env: process.env, log: createActionsLog(), signal },
    work: (log) => work({ log, signal }),
    told: (result) => result,
    ended: (ended) => endJob(ended, operation),
  });
  // Work that is deaf to its signal would keep the process until GitHub kills it.
  if (signal.aborted) process.exit();
}

/** Outputs, the job's summary, and the annotation of a failure. */
async function endJob({ ending, result }: Ended<ActionResult>, operation: Operation): Promise<void> {
  const { failure, sentence, conclusion } = ending;
  for (const [output, value] of Object.entries(result?.outputs ?? {})) core.setOutput(output, value);
  core.setOutput("nothing-to-do", conclusion === "skipped" ? "true" : "false");
  const page = result?.page ?? { title: `${operationNames[operation]} failed`, sentence, tables: [] };
  await writeSummary(failure === null ? page : withNext(page, failure.next, failure.runbook));
  if (failure === null) return;
  core.setFailed(`${failure.message}\n${failure.next}\nSee ${failure.runbook}.`);
  core.setOutput("error-code", failure.code);
}

function withNext(page: Page, next: string, runbook: string): Page {
  return { ...page, notes: [next, `What to do: ${runbook}`, ...(page.notes ?? [])] };
}

/** An input, or undefined when it is not given (GitHub gives the empty string). */
export function optionalInput(name: string): string | undefined {
  const value = core.getInput(name);
  return value === "" ? undefined : value;
}

/** One of some words, or undefined when it is not given. @throws ConfigurationError `usage` */
export function choiceInput<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
  const given = optionalInput(name);
  const choice = choices.find((known) => known === given);
  if (given === undefined || choice !== undefined) return choice;
  throw new ConfigurationError("usage", `The input ${name} is '${given}'.`, `It is one of ${choices.join(", ")}.`);
}

/** `true` or `false`; what is not given is false. */
export function booleanInput(name: string): boolean {
  return optionalInput(name) !== undefined && core.getBooleanInput(name);
}

/** Appends to the job's summary; outside of GitHub Actions there is none, and nothing happens. */
async function writeSummary(page: Page): Promise<void> {
  if (!process.env["GITHUB_STEP_SUMMARY"]) return;
  await core.summary.addRaw(renderMarkdown(page), true).write();
}

import * as core from "@actions/core";
import type { ActionResult } from "../report/action-result.ts";
import { operationNames } from "../report/alert.ts";
import { type Page, renderMarkdown } from "../report/page.ts";
import type { Operation } from "../report/run-report.ts";
import { createActionsLog } from "./actions-log.ts";
import { afterRun, beforeRun } from "./around-run.ts";
import { collectInOneGo } from "./collector.ts";
import { reportError } from "./error-report.ts";
import { ConfigurationError } from "./errors.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { type Ending, jobReport } from "./job-report.ts";
import type { Log } from "./log.ts";
import { runIdentity } from "./run-identity.ts";

export interface ActionContext {
  readonly log: Log;
  /** Aborted when the job is cancelled. */
  readonly signal: AbortSignal;
}

const interruption = {
  code: "cancelled",
  message: "The job was cancelled before its work was done; what was begun has been given up.",
  next: "Run it again; a half-made result is visible nowhere.",
};

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
  const { env } = process;
  const startedAt = new Date();
  const warnings: string[] = [];
  const log = noting(createActionsLog(), warnings);
  const begun = beforeRun(runIdentity(env), operation, { env, log, hurry: false });
  const { signal } = interrupt;
  const ending = await endingOf(operation, runbook, signal, () => work({ log, signal }));
  const report = jobReport(ending, { operation, env, startedAt, endedAt: new Date(), warnings });
  await begun;
  await afterRun(report, { env, log, hurry: signal.aborted, unfinished: ending.unfinished === true });
}

async function endingOf(
  operation: Operation,
  runbook: string,
  signal: AbortSignal,
  work: () => Promise<ActionResult>,
): Promise<Ending> {
  try {
    const { outputs, page, facts, skipped, unfinished = false, failure } = await work();
    for (const [output, value] of Object.entries(outputs)) core.setOutput(output, value);
    core.setOutput("nothing-to-do", skipped === true && failure === undefined ? "true" : "false");
    await writeSummary(failure === undefined ? page : withNext(page, failure.next, runbook));
    if (failure !== undefined) {
      core.setFailed(`${failure.message}\n${failure.next}\nSee ${runbook}.`);
      core.setOutput("error-code", failure.code);
    }
    return {
      conclusion: failure !== undefined ? "failure" : skipped === true ? "skipped" : "success",
      sentence: page.sentence,
      facts,
      unfinished,
      failure: failure === undefined ? null : { ...failure, runbook },
    };
  } catch (error) {
    const cancelled = signal.aborted || error instanceof Interrupted;
    const { message, next, code } = cancelled ? interruption : reportError(error);
    core.setFailed(`${message}\n${next}\nSee ${runbook}.`);
    await writeSummary(
      withNext({ title: `${operationNames[operation]} failed`, sentence: message, tables: [] }, next, runbook),
    );
    core.setOutput("error-code", code);
    return {
      conclusion: cancelled ? "cancelled" : "failure",
      sentence: message,
      facts: {},
      failure: { code, message, next, runbook },
    };
  }
}

function withNext(page: Page, next: string, runbook: string): Page {
  return { ...page, notes: [next, `What to do: ${runbook}`, ...(page.notes ?? [])] };
}

/** The same log, and every warning kept for the report. */
function noting(log: Log, warnings: string[]): Log {
  return {
    ...log,
    warn(line) {
      warnings.push(line);
      log.warn(line);
    },
  };
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

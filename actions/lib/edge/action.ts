import * as core from "@actions/core";
import { collectInOneGo } from "../base/collector.ts";
import { onInterrupt } from "../base/flow/stages.ts";
import type { Log } from "../base/log.ts";
import { fieldsOf } from "../operations/field.ts";
import { type Operation, pageOf } from "../operations/operation.ts";
import { type Page, renderMarkdown } from "../report/page.ts";
import { readInputs } from "./inputs.ts";
import { createLineLog } from "./line-log.ts";
import { type Ended, reportedRun } from "./reported-run.ts";
import { runOperation } from "./run-operation.ts";

/**
 * An operation as an action of GitHub's. Whatever it throws fails the job with what happened, what to do next and the page
 * to read. Every ending leaves a report: done, nothing to do, failed, cancelled.
 */
export async function runAction(operation: Operation): Promise<void> {
  collectInOneGo();
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  await reportedRun({
    ...{ operation, env: process.env, log: createActionsLog(), signal },
    inputs: () => inputsOf(operation),
    work: async (log, anchored) => {
      const told = await runOperation(operation, inputsOf(operation), { env: process.env, log, signal, anchored });
      if (told.skipped === true) log.info(pageOf(operation, told).sentence);
      return told;
    },
    ended: (ended) => endJob(ended, operation),
  });
  // Work that is deaf to its signal would keep the process until GitHub kills it.
  if (signal.aborted) process.exit();
}

/** GitHub gives an empty string for what is not given. */
function inputsOf(operation: Operation) {
  const given = fieldsOf(operation.inputs, "action").map(({ name }) => [name, core.getInput(name) || undefined]);
  return readInputs(operation, "action", Object.fromEntries(given));
}

/** Outputs, the job's summary, and the annotation of a failure. */
async function endJob({ ending, result }: Ended, operation: Operation): Promise<void> {
  const { failure, sentence, conclusion } = ending;
  for (const [output, value] of Object.entries(result?.outputs ?? {})) core.setOutput(output, value);
  core.setOutput("nothing-to-do", conclusion === "skipped" ? "true" : "false");
  const title = `${operation.reported?.label ?? operation.name} failed`;
  const page = result === undefined ? { title, sentence, tables: [] } : pageOf(operation, result);
  await writeSummary(failure === null ? page : withNext(page, failure.next, failure.runbook));
  if (failure === null) return;
  core.setFailed(`${failure.message}\n${failure.next}\nSee ${failure.runbook}.`);
  core.setOutput("error-code", failure.code);
}

function withNext(page: Page, next: string, runbook: string): Page {
  return { ...page, notes: [next, `What to do: ${runbook}`, ...(page.notes ?? [])] };
}

/** Appends to the job's summary; outside of GitHub Actions there is none, and nothing happens. */
async function writeSummary(page: Page): Promise<void> {
  if (!process.env["GITHUB_STEP_SUMMARY"]) return;
  await core.summary.addRaw(renderMarkdown(page), true).write();
}

/** The log of a GitHub Actions job: groups, annotations for warnings, one progress line in half a minute. */
export function createActionsLog(): Log {
  return createLineLog(
    {
      info: (line) => core.info(noCommand(line)),
      warn: (line) => core.warning(line),
      debug: (line) => core.debug(line),
      groupStart: (title) => core.startGroup(noCommand(title)),
      groupEnd: () => core.endGroup(),
    },
    { interval: 30_000 },
  );
}

/**
 * The runner takes a line that begins with `::` for a command, and `##[` for one of the older kind wherever it stands
 * (actions/runner, ActionCommand.cs): no name may be one.
 */
function noCommand(line: string): string {
  return line.replace(/^(\s*):(?=:)/, "$1: ").replaceAll("##[", "## [");
}

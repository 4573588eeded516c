#!/usr/bin/env node
import { collectInOneGo } from "../actions/lib/base/collector.ts";
import { ConfigurationError } from "../actions/lib/base/errors.ts";
import { visible } from "../actions/lib/base/escaping.ts";
import { Interrupted, onInterrupt, untilInterrupted } from "../actions/lib/base/flow/stages.ts";
import type { Log } from "../actions/lib/base/log.ts";
import { commandHelp, commandsOf, overview, parseArguments } from "../actions/lib/edge/command-line.ts";
import { interruptionOf, reportError } from "../actions/lib/edge/error-report.ts";
import { readInputs } from "../actions/lib/edge/inputs.ts";
import { createLineLog, streamSink } from "../actions/lib/edge/line-log.ts";
import { createTerminalLog } from "../actions/lib/edge/terminal-log.ts";
import { loadOperations } from "../actions/lib/operations/catalogue.ts";
import { isToldByHand, type Operation, pageOf, type Told } from "../actions/lib/operations/operation.ts";
import { renderText } from "../actions/lib/report/page.ts";

/** The person's edge: `npx lifeboat <command>`. Results on stdout, everything else on stderr. */

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.flatMap((line) => line.split("\n").map(visible)).join("\n")}\n`);
}

/** What JSON leaves as it is and a terminal or a reader would take for more than text. */
function json(document: unknown): string[] {
  // A character beyond the first plane has two of them.
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return [
    JSON.stringify(document, null, 2).replaceAll(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (text) =>
      text.split("").map(escaped).join(""),
    ),
  ];
}

function openLog(verbose: boolean): Log {
  if (process.stderr.isTTY && process.env["TERM"] !== "dumb") return createTerminalLog(process.stderr, { verbose });
  return createLineLog(streamSink(process.stderr, verbose), { interval: 15_000 });
}

async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version") {
    const { default: manifest } = await import("../package.json", { with: { type: "json" } });
    print([manifest.version]);
    return 0;
  }
  const commands = commandsOf(await loadOperations());
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print(overview(commands));
    return name === undefined ? 2 : 0;
  }
  const operation = commands.find((command) => command.name === name);
  if (operation === undefined) {
    const known = commands.map((command) => command.name).join(", ");
    throw new ConfigurationError("usage", `There is no command '${name}'.`, `The commands are ${known}.`);
  }
  const given = parseArguments(operation, rest);
  if (given["help"] === true) {
    print(commandHelp(operation));
    return 0;
  }
  const inputs = readInputs(operation, "command", given);
  if (inputs["dryRun"] !== true) running = operation;
  using interrupt = onInterrupt();
  const log = openLog(given["verbose"] === true);
  const { signal } = interrupt;
  const told = await runCommand(operation, inputs, { log, signal, quiet: given["quiet-run"] === true });
  print(given["json"] === true ? json(told.result) : (told.lines ?? renderText(pageOf(operation, told))));
  return told.exitCode ?? (told.failure === undefined ? 0 : 1);
}

/** A person's run leaves the report, alert and heartbeat of a schedule's, unless it rehearses or is told to be quiet. */
async function runCommand(
  operation: Operation,
  inputs: Readonly<Record<string, unknown>>,
  { log, signal, quiet }: { readonly log: Log; readonly signal: AbortSignal; readonly quiet: boolean },
): Promise<Told> {
  // Only now: help and wrong use need none of it.
  const { runOperation } = await import("../actions/lib/edge/run-operation.ts");
  const { env } = process;
  const work = (to: Log): Promise<Told> => runOperation(operation, inputs, { env, log: to, signal });
  if (!isToldByHand(operation) || inputs["dryRun"] === true || quiet) {
    if (quiet) log.info("This run leaves no report, alert or heartbeat (--quiet-run).");
    return untilInterrupted(signal, work(log));
  }
  const { reportedRun } = await import("../actions/lib/edge/reported-run.ts");
  const ended = await reportedRun({ operation, env, log, signal, inputs: () => inputs, work });
  if (ended.result === undefined) throw ended.thrown;
  return ended.result;
}

collectInOneGo();
const args = process.argv.slice(2);
/** What runs and may leave something; a rehearsal leaves nothing. */
let running: Operation | undefined;
try {
  process.exitCode = await run(args);
} catch (error) {
  const interrupted = error instanceof Interrupted;
  const report = interrupted ? { ...interruptionOf(running), exitCode: error.exitCode } : reportError(error);
  const how = interrupted ? "interrupted" : "error";
  process.stderr.write(`${how}: ${visible(report.message)}\nnext:  ${visible(report.next)}\n`);
  if (report.code === "unexpected" && (args.includes("--verbose") || process.env["LIFEBOAT_DEBUG"])) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
  if (args.includes("--json")) {
    const { code, message, next } = report;
    print(json({ error: { code, message, next } }));
  }
  process.exitCode = report.exitCode;
  // Work that is deaf to its signal would keep the process.
  if (interrupted) process.stdout.write("", () => process.exit());
}

import { ConfigurationError } from "../base/errors.ts";
import { visible } from "../base/escaping.ts";
import { Interrupted, onInterrupt, untilInterrupted } from "../base/flow/stages.ts";
import type { Log } from "../base/log.ts";
import { type Environment, optional } from "../config/environment.ts";
import { loadOperations } from "../operations/catalogue.ts";
import { auditOf, isToldByHand, type Operation, pageOf, type Told } from "../operations/operation.ts";
import { renderText } from "../report/page.ts";
import type { Head } from "../vault/audit/entry.ts";
import { commandHelp, commandsOf, overview, parseArguments } from "./command-line.ts";
import { interruptionOf, reportError } from "./error-report.ts";
import { readInputs } from "./inputs.ts";
import { createLineLog, streamSink } from "./line-log.ts";
import { createTerminalLog } from "./terminal-log.ts";

/** The person's edge: `npx lifeboat <command>`. Results on stdout, everything else on stderr. */

/** Where a command runs: `process` is one. */
export interface Surroundings {
  readonly env: Environment;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** @returns the exit code: 0 done, 1 failed, 2 wrong use or configuration, 130 and 143 interrupted; throws nothing */
export async function runCommandLine(args: readonly string[], around: Surroundings): Promise<number> {
  /** What runs and may leave something; a rehearsal leaves nothing. */
  let running: Operation | undefined;
  try {
    return await run(args, around, (operation) => {
      running = operation;
    });
  } catch (error) {
    const interrupted = error instanceof Interrupted;
    const report = interrupted ? { ...interruptionOf(running), exitCode: error.exitCode } : reportError(error);
    const how = interrupted ? "interrupted" : "error";
    around.stderr.write(`${how}: ${visible(report.message)}\nnext:  ${visible(report.next)}\n`);
    if (report.code === "unexpected" && (args.includes("--verbose") || around.env["LIFEBOAT_DEBUG"])) {
      around.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    }
    if (args.includes("--json")) {
      const { code, message, next } = report;
      print(around, json({ error: { code, message, next } }));
    }
    return report.exitCode;
  }
}

async function run(
  [name, ...rest]: readonly string[],
  around: Surroundings,
  begins: (operation: Operation) => void,
): Promise<number> {
  if (name === "--version") {
    const { default: manifest } = await import("../../../package.json", { with: { type: "json" } });
    print(around, [manifest.version]);
    return 0;
  }
  const commands = commandsOf(await loadOperations());
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print(around, overview(commands));
    return name === undefined ? 2 : 0;
  }
  const operation = commands.find((command) => command.name === name);
  if (operation === undefined) {
    const known = commands.map((command) => command.name).join(", ");
    throw new ConfigurationError("usage", `There is no command '${name}'.`, `The commands are ${known}.`);
  }
  const given = parseArguments(operation, rest);
  if (given["help"] === true) {
    print(around, commandHelp(operation));
    return 0;
  }
  const read = readInputs(operation, "command", given);
  using interrupt = onInterrupt();
  const log = openLog(around, given["verbose"] === true);
  const inputs = await askWhy(operation, read, around.env, log);
  if (inputs["dryRun"] !== true) begins(operation);
  const how = { env: around.env, log, signal: interrupt.signal, quiet: given["quiet-run"] === true };
  const told = await runCommand(operation, inputs, how);
  print(around, given["json"] === true ? json(told.result) : (told.lines ?? renderText(pageOf(operation, told))));
  return told.exitCode ?? (told.failure === undefined ? 0 : 1);
}

/** What opens or removes data is for a reason, which the audit trail keeps. A person is asked for it; nobody is kept waiting in a script. */
async function askWhy(
  operation: Operation,
  inputs: Readonly<Record<string, unknown>>,
  env: Environment,
  log: Log,
): Promise<Readonly<Record<string, unknown>>> {
  const given = inputs["reason"] ?? optional(env, "LIFEBOAT_REASON");
  if (given !== undefined || !auditOf(operation, inputs, env).needsReason) return inputs;
  const { terminalAsker } = await import("../base/ask.ts");
  const reason = await terminalAsker()?.ask("Why, in a few words for the audit trail, without personal data");
  if (reason) return { ...inputs, reason };
  log.warn(
    'The audit trail has no reason for this run. Say one with --reason "…", or for several commands: export LIFEBOAT_REASON="…".',
  );
  return inputs;
}

interface How {
  readonly env: Environment;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
}

/** A person's run leaves the report, alert and heartbeat of a schedule's, unless it rehearses or is told to be quiet. */
async function runCommand(
  operation: Operation,
  inputs: Readonly<Record<string, unknown>>,
  { env, log, signal, quiet }: How,
): Promise<Told> {
  // Only now: help and wrong use need none of it.
  const { runOperation } = await import("./run-operation.ts");
  const work = (to: Log, anchored?: (head: Head) => void): Promise<Told> =>
    runOperation(operation, inputs, { env, log: to, signal, anchored });
  if (!isToldByHand(operation) || inputs["dryRun"] === true || quiet) {
    if (quiet) log.info("This run leaves no report, alert or heartbeat (--quiet-run).");
    return untilInterrupted(signal, work(log));
  }
  const { reportedRun } = await import("./reported-run.ts");
  const ended = await reportedRun({ operation, env, log, signal, inputs: () => inputs, work });
  if (ended.result === undefined) throw ended.thrown;
  return ended.result;
}

function openLog({ stderr, env }: Surroundings, verbose: boolean): Log {
  if (stderr.isTTY === true && env["TERM"] !== "dumb") return createTerminalLog(stderr, { verbose });
  return createLineLog(streamSink(stderr, verbose), { interval: 15_000 });
}

function print({ stdout }: Surroundings, lines: readonly string[]): void {
  stdout.write(`${lines.flatMap((line) => line.split("\n").map(visible)).join("\n")}\n`);
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

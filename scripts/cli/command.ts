import { parseArgs } from "node:util";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import type { Log } from "../../actions/lib/base/log.ts";
import type { ActionResult } from "../../actions/lib/report/run/action-result.ts";
import type { Operation } from "../../actions/lib/report/run/run-report.ts";

/** One option of the command line; the same text serves `--help` and the README. */
export interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** Name of the value in the help, e.g. `TIER`. */
  readonly value?: string;
  readonly help: string;
}

/** What a command takes and how it is told of. */
export interface Usage {
  /** E.g. `verify <set|latest>`. */
  readonly synopsis: string;
  /** One sentence. */
  readonly summary: string;
  /** Names of the positional arguments in order; all are required. */
  readonly positionals: readonly string[];
  /** A flag with which they may be left out. */
  readonly withoutPositionals?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Further lines of `--help`: the environment that it reads, examples. */
  readonly details?: string;
}

/** What a command has when it runs. */
export interface Call {
  readonly positionals: readonly string[];
  readonly flags: Readonly<Record<string, boolean | undefined>>;
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What a command has to say: an object for `--json`, lines for people. Printed on stdout. */
export interface Outcome {
  readonly json: unknown;
  readonly lines: readonly string[];
  /** 1 when the command ran and its answer is no; 0 unless told. */
  readonly exitCode?: 0 | 1 | 2;
  /** What reports say of it; where it is left out, the last line. Its failure makes the exit code 1. */
  readonly job?: Omit<ActionResult, "outputs">;
}

export interface Command {
  readonly usage: Usage;
  /** What a run of it is called in reports, alerts and heartbeats, and the page for when it fails; without it nobody is told. */
  readonly reported?: { readonly operation: Operation; readonly runbook: string };
  run(call: Call): Promise<Outcome>;
}

/** Every command has these. */
export const everywhere: Readonly<Record<string, Option>> = {
  json: { type: "boolean", help: "print the result as JSON on stdout" },
  verbose: { type: "boolean", short: "v", help: "say more on stderr" },
  help: { type: "boolean", short: "h", help: "print this help" },
};

/** Every command that is reported has it. */
export const quietRun: Readonly<Record<string, Option>> = {
  "quiet-run": { type: "boolean", help: "leave no run report, alert or heartbeat" },
};

/** What a command takes beside its own options. */
export function optionsOf({ usage, reported }: Command): Readonly<Record<string, Option>> {
  return { ...usage.options, ...(reported === undefined ? {} : quietRun), ...everywhere };
}

export const dryRun: Readonly<Record<string, Option>> = {
  "dry-run": { type: "boolean", help: "check everything, write nothing, say what would be done" },
};

/**
 * Reads the arguments after the command's name.
 *
 * @throws ConfigurationError `usage`
 */
export function parseCall(name: string, command: Command, args: readonly string[]): Omit<Call, "log" | "signal"> {
  const { usage } = command;
  const known = optionsOf(command);
  const wrong = (what: string): ConfigurationError =>
    new ConfigurationError("usage", what, `See 'lifeboat ${name} --help'.`);
  const flags: Record<string, boolean> = {};
  const values: Record<string, string> = {};
  let positionals: string[];
  try {
    const options = Object.fromEntries(
      Object.entries(known).map(([option, { type, short }]) => [
        option,
        short === undefined ? { type } : { type, short },
      ]),
    );
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    positionals = parsed.positionals;
    for (const [option, value] of Object.entries(parsed.values)) {
      if (typeof value === "string") values[option] = value;
      else if (typeof value === "boolean") flags[option] = value;
    }
  } catch (error) {
    // parseArgs quotes only the option's name and, for stray words, the word.
    throw wrong(error instanceof Error ? (error.message.split(". ")[0] ?? "wrong arguments") : "wrong arguments");
  }
  const spared = usage.withoutPositionals !== undefined && flags[usage.withoutPositionals] === true;
  if (
    flags["help"] !== true &&
    positionals.length !== usage.positionals.length &&
    !(spared && positionals.length === 0)
  ) {
    const wanted = usage.positionals.map((each) => `<${each}>`).join(" ");
    throw wrong(wanted === "" ? `'${name}' takes no argument` : `'${name}' takes ${wanted}`);
  }
  return { positionals, flags, values };
}

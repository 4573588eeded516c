import { parseArgs } from "node:util";
import { ConfigurationError } from "../base/errors.ts";
import { fieldsOf, type InputField } from "../operations/field.ts";
import { isToldByHand, type Operation } from "../operations/operation.ts";
import { type Given, usageOf } from "./inputs.ts";

interface Option {
  readonly isFlag: boolean;
  readonly name: string;
  readonly help: string;
  readonly short?: string | undefined;
  readonly value?: string | undefined;
}

const everywhere: readonly Option[] = [
  { name: "json", isFlag: true, help: "print the result as JSON on stdout" },
  { name: "verbose", isFlag: true, short: "v", help: "say more on stderr" },
  { name: "help", isFlag: true, short: "h", help: "print this help" },
];
const quietRun: Option = { name: "quiet-run", isFlag: true, help: "leave no run report, alert or heartbeat" };

/** Every option of a command: its own, and those that all have. */
export function optionsOf(operation: Operation): readonly Option[] {
  return [...namedFields(operation.inputs), ...(isToldByHand(operation) ? [quietRun] : []), ...everywhere];
}

function namedFields(inputs: Operation["inputs"]): InputField[] {
  return fieldsOf(inputs, "command").filter(({ positional }) => positional !== true);
}

function positionalFields(inputs: Operation["inputs"]): InputField[] {
  return fieldsOf(inputs, "command").filter(({ positional }) => positional === true);
}

/** Those that are commands, as a person sees them. */
export function commandsOf(operations: readonly Operation[]): Operation[] {
  return operations.filter(({ onlyAction }) => onlyAction === undefined);
}

/** Reads the arguments after the command's name. @throws ConfigurationError `usage` */
export function parseArguments(operation: Operation, args: readonly string[]): Given {
  const { name } = operation;
  const wrong = (what: string): ConfigurationError =>
    new ConfigurationError("usage", what, `See 'lifeboat ${name} --help'.`);
  const options = optionsOf(operation).map(({ name: option, isFlag, short }) => [
    option,
    { type: isFlag ? ("boolean" as const) : ("string" as const), ...(short !== undefined && { short }) },
  ]);
  const positionals = positionalFields(operation.inputs);
  try {
    const parsed = parseArgs({
      ...{ args: [...args], options: Object.fromEntries(options), allowPositionals: true, strict: true },
    });
    if (parsed.positionals.length > positionals.length) {
      const taken = positionals.map(usageOf).join(" ");
      throw wrong(`'${name}' takes ${taken === "" ? "no argument" : taken}.`);
    }
    const placed = parsed.positionals.map((value, index) => [positionals[index]?.name, value]);
    return { ...(parsed.values as Given), ...Object.fromEntries(placed) };
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    // parseArgs quotes only the option's name and, for stray words, the word.
    throw wrong(error instanceof Error ? (error.message.split(". ")[0] ?? "wrong arguments") : "wrong arguments");
  }
}

/** `verify [set|latest]`, `backup --tier TIER`. */
export function synopsisOf({ name, inputs }: Operation): string {
  const needed = namedFields(inputs).filter(({ required }) => required);
  return [name, ...[...positionalFields(inputs), ...needed].map(usageOf)].join(" ");
}

/** `lifeboat --help`. */
export function overview(operations: readonly Operation[]): string[] {
  const commands = commandsOf(operations);
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    "lifeboat: backups of a Supabase project that have already been restored",
    "",
    "Usage: lifeboat <command> [options]",
    "",
    "Commands:",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "Every command has --help, --json and --verbose. Runs that write or verify leave a report, an alert when they fail, and a",
    "heartbeat, as a schedule's do: --quiet-run leaves none. Exit code: 0 done, 1 failed, 2 wrong use or configuration.",
    "Settings come from the environment (.env.example lists them) and from lifeboat.config.ts.",
  ];
}

/** `lifeboat <command> --help`. */
export function commandHelp(operation: Operation): string[] {
  const options = optionsOf(operation);
  const width = Math.max(...options.map((option) => spell(option).length));
  return [
    operation.summary,
    "",
    `Usage: lifeboat ${synopsisOf(operation)} [options]`,
    "",
    "Options:",
    ...options.map((option) => `  ${spell(option).padEnd(width)}  ${option.help}`),
    ...(operation.details === undefined ? [] : ["", operation.details]),
  ];
}

function spell({ name, isFlag, short, value }: Option): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${isFlag ? "" : ` ${value ?? "VALUE"}`}`;
}

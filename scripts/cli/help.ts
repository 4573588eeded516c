import { type Command, type Option, optionsOf } from "./command.ts";
import type { CommandEntry } from "./commands.ts";

/** `lifeboat --help`. */
export function overview(commands: readonly CommandEntry[]): string[] {
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
export function commandHelp(command: Command): string[] {
  const { usage } = command;
  const options = Object.entries(optionsOf(command));
  const width = Math.max(...options.map(([name, option]) => spell(name, option).length));
  return [
    usage.summary,
    "",
    `Usage: lifeboat ${usage.synopsis} [options]`,
    "",
    "Options:",
    ...options.map(([name, option]) => `  ${spell(name, option).padEnd(width)}  ${option.help}`),
    ...(usage.details === undefined ? [] : ["", usage.details]),
  ];
}

function spell(name: string, option: Option): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  return `${short}--${name}${option.type === "string" ? ` ${option.value ?? "VALUE"}` : ""}`;
}

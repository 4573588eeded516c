import { commands } from "../cli/commands.ts";
import type { WrittenPart } from "./written-part.ts";

/** The README's table of commands: every command, what it takes, what it does. */
export async function commandTable(): Promise<WrittenPart> {
  const rows = await Promise.all(
    commands.map(async (entry) => {
      const { usage } = await entry.load();
      const options = Object.entries(usage.options).map(
        ([name, { type, value }]) => `\`--${name}${type === "string" ? ` ${value ?? "VALUE"}` : ""}\``,
      );
      const cells = [`\`lifeboat ${usage.synopsis}\``, usage.summary, options.join(" ") || "–"];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    }),
  );
  const text = ["| command | what it does | options |", "| --- | --- | --- |", ...rows].join("\n");
  return { path: "README.md", mark: "commands", text };
}

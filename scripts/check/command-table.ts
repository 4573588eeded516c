import { commandsOf, synopsisOf } from "../../actions/lib/edge/command-line.ts";
import { usageOf } from "../../actions/lib/edge/inputs.ts";
import { fieldsOf } from "../../actions/lib/operations/field.ts";
import type { Operation } from "../../actions/lib/operations/operation.ts";
import type { WrittenPart } from "./written-part.ts";

/** The README's table of commands: every command, what it takes, what it does. */
export function commandTable(operations: readonly Operation[]): WrittenPart {
  const rows = commandsOf(operations).map((operation) => {
    const options = fieldsOf(operation.inputs, "command").filter(({ positional }) => positional !== true);
    const told = options.map((option) => `\`${usageOf(option)}\``).join(" ") || "–";
    const cells = [`\`lifeboat ${synopsisOf(operation)}\``, operation.summary, told];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const text = ["| command | what it does | options |", "| --- | --- | --- |", ...rows].join("\n");
  return { path: "README.md", mark: "commands", text };
}

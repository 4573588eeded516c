import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { WrittenPart } from "./written-part.ts";

const port = z.object({
  description: z.string(),
  default: z.string().optional(),
  required: z.boolean().optional(),
});
const actionSchema = z.object({
  inputs: z.record(z.string(), port).default({}),
  outputs: z.record(z.string(), port).default({}),
});

/** The tables of inputs and outputs in the README of each action. @param root the checkout */
export function actionReadmes(root: string): WrittenPart[] {
  return readdirSync(join(root, "actions"))
    .filter((name) => existsSync(join(root, "actions", name, "action.yml")))
    .map((name) => ({
      path: `actions/${name}/README.md`,
      mark: "interface",
      text: interfaceOf(join(root, "actions", name)),
    }));
}

function interfaceOf(folder: string): string {
  const { inputs, outputs } = actionSchema.parse(parse(readFileSync(join(folder, "action.yml"), "utf8")));
  const givenBy = ({ required, default: value }: z.infer<typeof port>): string =>
    required === true ? "required" : value === undefined ? "" : `\`${value}\``;
  return [
    "| input | what | default |",
    "| --- | --- | --- |",
    ...Object.entries(inputs).map(([name, input]) => `| \`${name}\` | ${input.description} | ${givenBy(input)} |`),
    "",
    "| output | what |",
    "| --- | --- |",
    ...Object.entries(outputs).map(([name, output]) => `| \`${name}\` | ${output.description} |`),
  ].join("\n");
}

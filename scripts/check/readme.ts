import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../cli/commands.ts";

/** The README's table of commands stands between these lines. */
const begin = "<!-- commands:begin -->";
const end = "<!-- commands:end -->";

/** The table as the code has it: every command, what it takes, what it does. */
export async function commandTable(): Promise<string> {
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
  return ["| command | what it does | options |", "| --- | --- | --- |", ...rows].join("\n");
}

/** What the README says that is not so; empty when it is right. @param root the checkout, ending in a slash */
export async function readmeProblems(root: string): Promise<string[]> {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const scripts = packageScripts(root);
  const problems: string[] = [];
  const table = await commandTable();
  if (tableOf(readme) !== table) {
    problems.push(`README.md: the table of commands is not the code's. Between the marks belongs:\n${table}`);
  }
  for (const entry of commands) {
    const { usage } = await entry.load();
    if (usage.summary !== entry.summary)
      problems.push(`scripts/cli/commands.ts: the summary of '${entry.name}' differs.`);
  }
  for (const [, script = ""] of readme.matchAll(/npm run ([a-z:-]+)/g)) {
    if (!scripts.includes(script)) problems.push(`README.md: there is no script 'npm run ${script}'.`);
  }
  for (const [, command = ""] of readme.matchAll(/npx lifeboat ([a-z-]+)/g)) {
    if (!commands.some(({ name }) => name === command)) problems.push(`README.md: there is no command '${command}'.`);
  }
  return problems;
}

/** README.md with the code's own table in it. */
export async function withCommandTable(readme: string): Promise<string> {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error("README.md has lost the marks around its table of commands.");
  return `${readme.slice(0, from + begin.length)}\n${await commandTable()}\n${readme.slice(to)}`;
}

function tableOf(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  return from < 0 || to < from ? "" : readme.slice(from + begin.length, to).trim();
}

function packageScripts(root: string): string[] {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (typeof manifest !== "object" || manifest === null || !("scripts" in manifest)) return [];
  return Object.keys(manifest.scripts ?? {});
}

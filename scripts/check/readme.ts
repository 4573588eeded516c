import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../cli/commands.ts";
import { actionReadmes } from "./action-readmes.ts";
import { commandTable } from "./command-table.ts";
import { markedPart } from "./marked.ts";
import { packageScripts } from "./package-scripts.ts";
import type { WrittenPart } from "./written-part.ts";

/** Everything in the pages that is written from the code. @param root the checkout */
export async function writtenParts(root: string): Promise<WrittenPart[]> {
  return [await commandTable(), ...actionReadmes(root)];
}

/** What the pages say that is not so; empty when they are right. @param root the checkout */
export async function readmeProblems(root: string): Promise<string[]> {
  const stale = (await writtenParts(root)).filter(
    ({ path, mark, text }) => markedPart(readFileSync(join(root, path), "utf8"), mark) !== text,
  );
  const readme = readFileSync(join(root, "README.md"), "utf8");
  return [
    ...stale.map(({ path, mark }) => `${path}: its part '${mark}' is not what the code says. Run 'npm run readme'.`),
    ...(await summaryProblems()),
    ...brokenLinks(root, readme).map((link) => `README.md: there is no ${link}.`),
    ...named(readme, /npm run ([a-z:-]+)/g, packageScripts(root)).map(
      (name) => `README.md: no script 'npm run ${name}'.`,
    ),
    ...named(
      readme,
      /npx lifeboat ([a-z-]+)/g,
      commands.map(({ name }) => name),
    ).map((name) => `README.md: there is no command 'lifeboat ${name}'.`),
  ];
}

async function summaryProblems(): Promise<string[]> {
  const loaded = await Promise.all(commands.map(async (entry) => ({ entry, command: await entry.load() })));
  return loaded
    .filter(({ entry, command }) => command.usage.summary !== entry.summary)
    .map(({ entry }) => `scripts/cli/commands.ts: the summary of '${entry.name}' is not the command's own.`);
}

function brokenLinks(root: string, page: string): string[] {
  return [...page.matchAll(/\]\(([^):#]+)\)/g)]
    .map(([, path = ""]) => path)
    .filter((path) => !existsSync(join(root, path)));
}

/** What the page names and the code does not know. */
function named(page: string, pattern: RegExp, known: readonly string[]): string[] {
  return [...page.matchAll(pattern)].map(([, name = ""]) => name).filter((name) => !known.includes(name));
}

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandsOf } from "../../actions/lib/edge/command-line.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { actionFiles } from "./action-files.ts";
import { minutesPart } from "./actions-minutes.ts";
import { cloudTemplates } from "./cloud-templates.ts";
import { commandTable } from "./command-table.ts";
import { linksTable } from "./links-table.ts";
import { writtenText } from "./marked.ts";
import { packageScripts } from "./package-scripts.ts";
import type { WrittenPart } from "./written-part.ts";

/** Everything in the pages that is written from the code, and from the workflows. @param root the checkout */
export async function writtenParts(root: string): Promise<WrittenPart[]> {
  const verbs = await loadOperations();
  return [commandTable(verbs), ...actionFiles(verbs), ...cloudTemplates(), minutesPart(root), linksTable()];
}

/** What the pages say that is not so; empty when they are right. @param root the checkout */
export async function readmeProblems(root: string): Promise<string[]> {
  const stale = (await writtenParts(root)).filter((part) => writtenText(root, part) !== part.text);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const commands = commandsOf(await loadOperations()).map(({ name }) => name);
  return [
    ...stale.map(
      ({ path, mark }) =>
        `${path}${mark === undefined ? "" : `, its part '${mark}',`} is not what the code says. Run 'npm run readme'.`,
    ),
    ...brokenLinks(root, readme).map((link) => `README.md: there is no ${link}.`),
    ...named(readme, /npm run ([a-z:-]+)/g, packageScripts(root)).map(
      (name) => `README.md: no script 'npm run ${name}'.`,
    ),
    ...named(readme, /npx lifeboat ([a-z-]+)/g, commands).map(
      (name) => `README.md: there is no command 'lifeboat ${name}'.`,
    ),
  ];
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

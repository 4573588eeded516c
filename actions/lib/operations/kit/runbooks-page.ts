import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import { splitFrontMatter } from "../../policy/monitor/reviews.ts";

/** What is read first; the others follow by name. Pages that the bench writes help nobody in an emergency. */
const first = ["contacts.md", "rescue-kit.md", "incident.md", "recover-complete-loss.md"];

/** Every runbook page, contacts first, and the SQL that they name, as one page that needs no network. */
export function runbooksPage(root: string): string {
  const pages = globSync("runbooks/*.md", { cwd: root })
    .map((path) => basename(path))
    .filter((name) => name !== "README.md" && !name.startsWith("bench"))
    .sort((a, b) => placeOf(a) - placeOf(b) || (a < b ? -1 : 1));
  const scripts = globSync("runbooks/sql/*.sql", { cwd: root })
    .map((path) => `sql/${basename(path)}`)
    .sort();
  if (pages.length === 0)
    throw new ConfigurationError(
      "configuration",
      "There is no folder runbooks here.",
      "Run from the root of the repository.",
    );
  const known = new Set([...pages, ...scripts]);
  const read = (name: string): string => readFileSync(`${root}/runbooks/${name}`, "utf8");
  return [
    "# Runbooks and contacts\n\nAll pages of `runbooks/` in one, as they were when the kit was made.\n",
    ...pages.map((name) => `<a id="${anchorOf(name)}"></a>\n\n${joinedPage(splitFrontMatter(read(name)).body, known)}`),
    ...scripts.map((name) => `<a id="${anchorOf(name)}"></a>\n\n# ${name}\n\n\`\`\`sql\n${read(name)}\`\`\`\n`),
  ].join("\n");
}

function placeOf(name: string): number {
  const place = first.indexOf(name);
  return place < 0 ? first.length : place;
}

const anchorOf = (name: string): string => name.replaceAll(/[^a-z0-9]+/g, "-");

/** Links to other pages lead to their place in this one; what is in the repository alone is named, and linked no more. */
function joinedPage(body: string, known: ReadonlySet<string>): string {
  return `${body.trim()}\n`.replaceAll(/\[([^\]\n]*)\]\(([^)\s]+)\)/g, (all, text: string, target: string) => {
    if (/^(?:https?:|mailto:|#)/.test(target)) return all;
    const name = target.replace(/#.*$/, "");
    return known.has(name) ? `[${text}](#${anchorOf(name)})` : `${text} (\`${target}\`)`;
  });
}

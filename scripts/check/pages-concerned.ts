import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { markdownCode, markdownText } from "../../actions/lib/base/escaping.ts";
import { readRunbookPage } from "./runbook-page.ts";

const policy = "lifeboat.config.ts";

/** A page of runbooks/ and what it names of a change. */
export interface Concerned {
  readonly page: string;
  readonly names: readonly string[];
}

/**
 * The pages that name what a change touches, for a review of them: workflows (by file, or as "the workflow `backup`"), sections of the
 * policy, and any other file by its path.
 * @param pages text by path @param changed paths @param sections of the policy that changed
 */
export function concernedPages(
  pages: ReadonlyMap<string, string>,
  changed: readonly string[],
  sections: readonly string[],
): Concerned[] {
  return [...pages].flatMap(([page, text]) => {
    const names = [
      ...changed.filter((path) => namesFile(text, path)),
      ...sections.filter((section) => namesSection(text, section)).map((section) => `${section} in ${policy}`),
    ];
    return names.length === 0 ? [] : [{ page, names }];
  });
}

function namesFile(text: string, path: string): boolean {
  // The policy is named on many pages: its sections decide.
  if (path === policy) return false;
  const workflow = /^\.github\/workflows\/([\w-]+)\.yml$/.exec(path)?.[1];
  const called = new RegExp(`\\b(?:workflow|button|Actions,)\\s+[\`*]${workflow}[\`*]`, "i");
  return text.includes(path) || (workflow !== undefined && (text.includes(`\`${workflow}.yml\``) || called.test(text)));
}

function namesSection(text: string, section: string): boolean {
  return readRunbookPage(text).inlineCode.some((code) => code === section || code.startsWith(`${section}.`));
}

/** Top-level sections of the policy whose text differs, or that only one of both has. @param before empty: there was none */
export function changedSections(before: string, after: string): string[] {
  const [old, now] = [sectionsOf(before), sectionsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
}

/** With the comment lines above each section: they say why a value is what it is. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.matchAll(/(?:^ {2}\/\/.*\n)*^ {2}(\w+):[\s\S]*?(?=^ {2}(?:\/\/|\w+:)|^\}|$(?![\s\S]))/gm);
  return new Map([...parts].map(([part, name = ""]) => [name, part.trim()]));
}

/** For the summary of a job. */
export function concernedText(concerned: readonly Concerned[]): string {
  if (concerned.length === 0) return "No runbook names what this change touches.\n";
  return [
    "## Runbooks to review",
    "",
    "These pages name what this change touches. Read each of them, correct in this pull request what is no longer true, and set the date of its review.",
    "",
    "| page | names |",
    "| --- | --- |",
    ...concerned.map(({ page, names }) => `| ${markdownText(page)} | ${names.map(markdownCode).join(", ")} |`),
    "",
  ].join("\n");
}

/** `node scripts/check/pages-concerned.ts BASE`, in a checkout: what differs between BASE and the working tree. */
if (import.meta.main) {
  const [base = "HEAD^1"] = process.argv.slice(2);
  const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" });
  const changed = git("diff", "--name-only", "--no-renames", "-z", base, "--").split("\0").filter(Boolean);
  const now = existsSync(policy) ? readFileSync(policy, "utf8") : "";
  const sections = changed.includes(policy) ? changedSections(git("show", `${base}:${policy}`), now) : [];
  const pages = globSync("runbooks/*.md").toSorted();
  const texts = new Map(pages.map((path) => [path, readFileSync(path, "utf8")]));
  process.stdout.write(concernedText(concernedPages(texts, changed, sections)));
}

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { changedSections, concernedPages, concernedText } from "../../scripts/check/pages-concerned.ts";

const script = new URL("../../scripts/check/pages-concerned.ts", import.meta.url).pathname;
const workflow = ".github/workflows/backup.yml";
const policy = (days: number, extra = ""): string =>
  `export default definePolicy({\n  project: { name: "x" },\n\n  // Why.\n  tiers: {\n    daily: ${days},\n  },\n${extra}});\n`;

test.each([
  ["by its file", "See `backup.yml`."],
  ["by its path", `See \`${workflow}\`.`],
  ["as a workflow", "The workflow\n`backup` does it."],
  ["by its button", "Press the button `backup`."],
])("a page that names a workflow %s is concerned by its change", (_, text) => {
  const pages = new Map([["runbooks/a.md", text]]);
  expect(concernedPages(pages, [workflow], [])).toEqual([{ page: "runbooks/a.md", names: [workflow] }]);
  expect(concernedPages(pages, [".github/workflows/restore.yml"], [])).toEqual([]);
});

test("a page is concerned by the sections of the policy that it names, not by others", () => {
  const pages = new Map([["runbooks/a.md", "`tiers.daily.retentionDays` in `lifeboat.config.ts`, `tierless`."]]);
  const names = (sections: string[]) => concernedPages(pages, ["lifeboat.config.ts"], sections)[0]?.names;
  expect(names(["project", "tiers"])).toEqual(["tiers in lifeboat.config.ts"]);
  expect(names(["project", "tier"])).toBeUndefined();
});

test("sections that changed, came or went are told, with their comments, and no others", () => {
  expect(changedSections(policy(30), policy(30))).toEqual([]);
  expect(changedSections(policy(30), policy(7))).toEqual(["tiers"]);
  expect(changedSections(policy(30), policy(30).replace("Why.", "Because."))).toEqual(["tiers"]);
  expect(changedSections(policy(30), policy(30, "  drill: { target: 1 },\n"))).toEqual(["drill"]);
  expect(changedSections(policy(30, "  drill: { target: 1 },\n"), policy(30))).toEqual(["drill"]);
});

test("names of files are text in the job's summary, whatever they look like", () => {
  const text = concernedText([{ page: "runbooks/a|<b>.md", names: ["x`|y\n.ts"] }]);
  expect(text).toContain("| runbooks/a\\|\\<b\\>.md | `x'\\|y .ts` |");
});

test("the job's step names the pages of a real change", () => {
  const root = mkdtempSync(join(tmpdir(), "concerned-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: root });
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const commit = () => git("add", "-A") && git("commit", "-qm", "x", "--no-verify", "--no-gpg-sign");
  const named = () => execFileSync(process.execPath, [script, "HEAD^1"], { cwd: root, encoding: "utf8" });
  try {
    git("init", "-q");
    write("runbooks/a.md", "The workflow `backup`.");
    write("runbooks/b.md", "`tiers.daily` of the policy.");
    write("runbooks/c.md", "Neither.");
    write(workflow, "on: push");
    write("lifeboat.config.ts", policy(30));
    commit();
    write(workflow, "on: schedule");
    write("lifeboat.config.ts", policy(7));
    commit();
    expect(named().match(/^\| runbooks.*$/gm)).toEqual([
      `| runbooks/a.md | \`${workflow}\` |`,
      "| runbooks/b.md | `tiers in lifeboat.config.ts` |",
    ]);
    write("README.md", "x");
    commit();
    expect(named()).toContain("No runbook names");
  } finally {
    rmSync(root, { recursive: true });
  }
});

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reportEnd } from "../../actions/lib/operations/incident/page.ts";
import { type RunbookPage, readRunbookPage } from "../../scripts/check/runbook-page.ts";
import { type Known, numberProblems, pageProblems, runbookProblems } from "../../scripts/check/runbooks.ts";

const root = new URL("../..", import.meta.url).pathname;
const known: Known = {
  exists: (path) => ["runbooks/other.md", ".github/workflows/daily-backup.yml", "scripts/lifeboat.ts"].includes(path),
  owners: ["backups"],
  commands: new Map([["verify", ["deep", "json"]]]),
  packageScripts: ["demo"],
};
const text = `---
owner: backups
reviewed: 2026-01-01
review-every-days: 30
---

# Something failed

## Meaning

See [the other page](other.md#top) and \`daily-backup.yml\`, \`scripts/lifeboat.ts\`.

## Impact

None.

## Diagnosis

\`npx lifeboat verify latest --json\` tells.

## Mitigation

\`\`\`sh
npx lifeboat verify latest --deep | grep x
npm run demo
\`\`\`
`;
const day = (date: string): Date => new Date(`${date}T12:00:00Z`);
const problems = (change: (page: string) => string, today = day("2026-01-10")): string[] =>
  pageProblems("runbooks/page.md", readRunbookPage(change(text)), known, today);

test("a page that is reviewed, complete and right has no problem", () => {
  expect(problems((page) => page)).toEqual([]);
});

test("a page is overdue from the day after its review was due", () => {
  expect(problems((page) => page, new Date("2026-01-30T23:00:00Z"))).toEqual([]);
  expect(problems((page) => page, day("2026-02-01"))).toEqual([
    expect.stringMatching(/runbooks\/page\.md: its review has been due since 2026-01-31/),
  ]);
});

test("a page that is reviewed when regulations change may name one", () => {
  const regulated = (page: string): string =>
    page.replace("30\n---", "30\nreview-when: regulations\n---").replace("None.", "The GDPR asks `privacy`.");
  expect(problems(regulated)).toEqual([]);
});

test.each([
  ["has no front matter", (page: string) => page.replace(/^---.*?---\n/s, ""), /does not begin with owner/],
  ["has no date of review", (page: string) => page.replace("2026-01-01", "soon"), /does not begin with owner/],
  ["is reviewed less often than each quarter", (page: string) => page.replace("30", "91"), /90 at most/],
  ["names a regulation", (page: string) => page.replace("None.", "The GDPR asks."), /review-when: regulations/],
  ["sends people to privacy", (page: string) => page.replace("None.", "Call `privacy`."), /review-when: regulations/],
  ["has an owner whom nobody knows", (page: string) => page.replace("owner: backups", "owner: bob"), /owner bob/],
  ["lacks a section", (page: string) => page.replace("## Impact", "## Import"), /its sections are not/],
  ["links to a page that is not there", (page: string) => page.replace("(other.md#top)", "(gone.md)"), /no gone\.md/],
  ["names a workflow that is not there", (page: string) => page.replace("daily-b", "hourly-b"), /hourly-backup\.yml/],
  ["names a file that is not there", (page: string) => page.replace("lifeboat.ts", "raft.ts"), /scripts\/raft\.ts/],
  [
    "names a command that is not there",
    (page: string) => page.replace("verify latest --j", "prove x --j"),
    /'lifeboat prove'/,
  ],
  ["gives an option that a command does not have", (page: string) => page.replace("--deep", "--depp"), /has no --depp/],
  [
    "names a script that is not there",
    (page: string) => page.replace("npm run demo", "npm run dome"),
    /'npm run dome'/,
  ],
])("a page that %s is named", (_name, change, problem) => {
  expect(problems(change)).toEqual([expect.stringMatching(problem)]);
});

test("every page of the repository passes, and would not for ever", async () => {
  const pages = (await runbookProblems(root, new Date("2036-01-01"))).filter((each) => each.includes("has been due"));
  expect(pages.length).toBeGreaterThan(3);
  expect(readRunbookPage("# x") satisfies RunbookPage).toMatchObject({ frontMatter: undefined });
});

test("a decision that takes another's number is named, and every decision of the repository has its own", async () => {
  const [a, b, c] = ["a/0001-sealing.md", "a/0002-one.md", "a/0002-other.md"];
  expect(numberProblems([a, b])).toEqual([]);
  expect(numberProblems([c, b, a])).toEqual([expect.stringMatching(/^a\/0002-other\.md: the number 0002 .*0002-one/)]);
  expect((await runbookProblems(root, new Date("2026-01-01"))).filter((each) => each.includes("the number"))).toEqual(
    [],
  );
});

test("the end of an incident asks for a review of the pages that were followed", () => {
  const dataApi = { state: "not-noted", distrusted: [] } as const;
  const sentence = (outcome: "ended" | "would-end") =>
    reportEnd({ outcome, incidents: ["x"], buckets: ["b"], dataApi }).page?.sentence ?? "";
  const asked = sentence("ended").match(/runbooks\/[\w-]+\.md/g) ?? [];
  expect(asked).toEqual(["runbooks/incident.md", "runbooks/contacts.md"]);
  expect(asked.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  expect(sentence("would-end")).not.toContain("review");
});

import { expect, test } from "vitest";
import { everyCheck, monitorPageProblems, pageProblems } from "../../scripts/check/monitor-pages.ts";

const root = new URL("../..", import.meta.url).pathname;

test("every check of the monitor leads to a page that names it at its top", async () => {
  expect(await monitorPageProblems(root)).toEqual([]);
  const ids = (await everyCheck(root)).map(({ id }) => id);
  // Those that exist only where something is set are among them.
  expect(ids).toEqual(expect.arrayContaining(["set-daily", "replica", "deep-verify", "alert-channels"]));
  expect(new Set(ids).size).toBe(ids.length);
});

const checks = [{ id: "disk", runbook: "runbooks/limits.md" }];

test.each([
  ["is not there", undefined, /which is not there/],
  ["does not name it", "## Meaning\n\n`disks`\n\n## Impact\n", /does not name it/],
  ["names it too late", "## Meaning\n\n## Impact\n\n`disk`\n", /does not name it/],
])("a page that %s is found", (_, text, problem) => {
  expect(pageProblems(checks, () => text)).toEqual([expect.stringMatching(problem)]);
});

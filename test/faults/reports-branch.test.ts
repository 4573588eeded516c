import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pushReports } from "../../actions/lib/operations/publish/reports-branch.ts";
import { applyChanges } from "../../actions/lib/report/branch/folder-tree.ts";
import { recordingLog } from "../integration/backup-lab.ts";
import { makeOrigin } from "../integration/reports-lab.ts";

/** Somebody who can push to the branch `reports`, or fill the folder that reports are built in. */

const pages = new Map([
  ["README.md", "ours\n"],
  ["charts/size.svg", "<svg/>\n"],
  ["runs/2026/11/1.json", "{}\n"],
]);

test("links, other repositories and huge files on the branch are removed, and nothing is written outside", async () => {
  using origin = makeOrigin();
  const outside = mkdtempSync(join(tmpdir(), "outside-"));
  writeFileSync(join(outside, "README.md"), "theirs\n");
  const folder = mkdtempSync(join(tmpdir(), "planted-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=x", "-c", "user.email=x@y.z", ...args], { cwd: folder });
  git("init", "--quiet", "--initial-branch=reports");
  symlinkSync(join(outside, "README.md"), join(folder, "README.md"));
  symlinkSync(outside, join(folder, "charts"));
  symlinkSync(outside, join(folder, "runs"));
  writeFileSync(join(folder, "huge.ndjson"), Buffer.alloc(9 * 1024 * 1024, "x"));
  writeFileSync(join(folder, "kept.txt"), "a stranger's\n");
  git("add", "--all");
  git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},module`);
  git("commit", "--quiet", "--message=planted");
  git("push", "--quiet", origin.remote, "reports");

  const log = recordingLog();
  const plan = async () => ({ changes: pages, told: 1, foreign: [], lost: [] });
  await pushReports(plan, { remote: origin.remote, message: "Report", log, env: process.env });

  expect(readdirSync(outside)).toEqual(["README.md"]);
  expect(readFileSync(join(outside, "README.md"), "utf8")).toBe("theirs\n");
  const tree = origin.git("ls-tree", "-r", "reports").trim().split("\n");
  expect(tree.map((line) => `${line.slice(0, 6)} ${line.split("\t")[1]}`).sort()).toEqual(
    [...pages.keys(), "kept.txt"].map((path) => `100644 ${path}`).sort(),
  );
  for (const path of ["README.md", "charts", "runs", "huge.ndjson", "module"]) {
    expect(log.lines.join("\n")).toContain(`${path} of the branch reports is no plain file`);
  }
});

test.each([
  ["the page itself", "README.md"],
  ["a folder on the way", "charts"],
])("a folder of reports with a link in it is refused untouched: %s", (_, link) => {
  const outside = mkdtempSync(join(tmpdir(), "outside-"));
  const folder = mkdtempSync(join(tmpdir(), "reports-"));
  mkdirSync(join(folder, "runs"));
  symlinkSync(link === "charts" ? outside : join(outside, "page"), join(folder, link));
  expect(() => applyChanges(folder, pages)).toThrow(/symbolic link/);
  expect(readdirSync(outside)).toEqual([]);
  expect(existsSync(join(folder, "runs/2026"))).toBe(false);
});

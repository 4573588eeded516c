import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

/** The restore button's last step, run as GitHub runs it, when the action could say nothing itself. */

const root = new URL("../../", import.meta.url);
const stepSchema = z.looseObject({ name: z.string().optional(), run: z.string().optional() });
const { jobs } = z
  .object({ jobs: z.record(z.string(), z.object({ steps: z.array(stepSchema) })) })
  .parse(parse(readFileSync(new URL(".github/workflows/restore.yml", root), "utf8")));

test.each([
  ["restore-a-set", "runbooks/restore-failed.md"],
  ["database-failure", "runbooks/recover-database-failure.md"],
  ["complete-loss", "runbooks/recover-complete-loss.md"],
  ["regional-disaster", "runbooks/recover-regional-disaster.md"],
])("after %s names its page, which is there", (scenario, page) => {
  const scripts = Object.values(jobs).map(
    ({ steps }) => steps.find(({ name }) => name === "Name the page to read")?.run,
  );
  expect(scripts).toHaveLength(2);
  for (const script of scripts) {
    const summary = join(mkdtempSync(join(tmpdir(), "lifeboat-page-")), "summary");
    const env = { PATH: process.env["PATH"] ?? "", SCENARIO: scenario, GITHUB_STEP_SUMMARY: summary };
    const said = execFileSync("bash", ["-eo", "pipefail", "-c", String(script)], { env, encoding: "utf8" });
    expect(said).toContain(`See ${page}.`);
    expect(readFileSync(summary, "utf8")).toContain(`See ${page}.`);
  }
  expect(readFileSync(new URL(page, root), "utf8")).toContain("## ");
});

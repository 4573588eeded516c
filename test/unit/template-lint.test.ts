import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stackNames } from "../../actions/lib/policy/cloud/stacks.ts";
import { templateFindings } from "../../scripts/check/template-lint.ts";

const templates = stackNames.map((name) => `scripts/provision/${name}.yml`);

test("cfn-lint finds nothing in the templates", () => expect(templateFindings(templates)).toEqual([]), 120_000);

test("and names a property that was mistyped in one", () => {
  const folder = mkdtempSync(join(tmpdir(), "template-lint-"));
  try {
    const planted = join(folder, "replica.yml");
    const text = readFileSync("scripts/provision/replica.yml", "utf8");
    writeFileSync(planted, text.replace("ObjectLockEnabled:", "ObjectLockEnabledd:"));
    expect(templateFindings([planted])).toEqual([expect.stringContaining("'ObjectLockEnabledd' was unexpected")]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

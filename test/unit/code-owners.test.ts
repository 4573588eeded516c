import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeOwnerProblems, reachedWithKeys, unownedProblems } from "../../scripts/check/code-owners.ts";
import { productionProblems } from "../../scripts/check/lockfile.ts";

const root = new URL("../..", import.meta.url).pathname;

const reached = reachedWithKeys(root);

test("every file that a job with keys runs has an owner", () => {
  expect(codeOwnerProblems(root)).toEqual([]);
  const recover = "actions/lib/recover/templates/";
  for (const path of [".npmrc", "scripts/setup/packages.mjs", "actions/lib/operations/backup/run-backup.ts"]) {
    expect(reached, path).toContain(path);
  }
  // What they read and do not import: a page that people follow with keys is made of these.
  for (const name of ["set.md", "keys.sh", "proof.sql", "entries.awk"]) expect(reached, name).toContain(recover + name);
});

test.each([
  ["/.npmrc", ".npmrc"],
  ["/scripts/", "scripts/setup/packages.mjs"],
  ["/actions/", "actions/lib/operations/backup/run-backup.ts"],
  ["/actions/", "actions/lib/recover/templates/proof.sql"],
])("a file that loses its owner is named: without %s, %s", (line, path) => {
  const owners = readFileSync(join(root, ".github/CODEOWNERS"), "utf8");
  const text = owners.replaceAll(new RegExp(`^${line} .*$`, "gm"), "");
  for (const [without, changed] of [
    ["no line", text],
    ["a line without owners", `${text}\n${line}\n`],
  ] as const) {
    expect(unownedProblems(changed, reached).join("\n"), without).toContain(`a change of ${path},`);
  }
});

test("a job with keys installs what Lifeboat imports, and every package that it imports is among that", () => {
  expect(productionProblems(root)).toEqual([]);
  const copy = mkdtempSync(join(tmpdir(), "production-"));
  for (const part of [".github", ".npmrc", "actions", "scripts", "package.json", "package-lock.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  const file = join(copy, "actions/lib/operations/backup/run-backup.ts");
  const lines = 'import { test } from "vitest";\nimport type { Plugin } from "vite";\n';
  writeFileSync(file, lines + readFileSync(file, "utf8"));
  expect(productionProblems(copy)).toEqual([expect.stringMatching(/run-backup\.ts imports vitest, which is no/)]);
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";

/** What is chosen at the button restore and does not go together is refused before anything is done. */

const { jobs } = parse(readFileSync(new URL("../../.github/workflows/restore.yml", import.meta.url), "utf8"));
const step = jobs.rehearse.steps.find(({ name }: { name: string }) => name === "Look what is asked for");
const plain = { SCENARIO: "restore-a-set", DO: "recover", WHICH: "", TARGET: "default", FROM: "vault" };

let outputs: string;
beforeEach(() => {
  outputs = join(mkdtempSync(join(tmpdir(), "restore-button-")), "outputs");
});
afterEach(() => rmSync(dirname(outputs), { recursive: true }));

function look(change: Record<string, string>) {
  const env = {
    ...plain,
    MAKES: "true",
    OF_SCENARIOS: "",
    GITHUB_STEP_SUMMARY: "/dev/null",
    GITHUB_OUTPUT: outputs,
    ...change,
  };
  const { status, stdout } = spawnSync("bash", ["-e", "-c", step.run], { env, encoding: "utf8" });
  return { status, stdout };
}

test("the step takes what it looks at from the inputs, and both jobs come after it", () => {
  expect(Object.keys(step.env).sort()).toEqual([...Object.keys(plain), "MAKES", "OF_SCENARIOS"].sort());
  expect(step.if).toBeUndefined();
  expect(jobs.restore.needs).toBe("rehearse");
});

test.each([
  [{}],
  [{ TARGET: "staging", FROM: "replica" }],
  [{ SCENARIO: "complete-loss" }],
  [{ SCENARIO: "complete-loss", TARGET: "made", MAKES: "false" }],
  [{ SCENARIO: "complete-loss", DO: "recover-again", OF_SCENARIOS: "eu-central-1" }],
  [{ SCENARIO: "complete-loss", DO: "switch-on", WHICH: "all" }],
  [{ SCENARIO: "complete-loss", DO: "give-up" }],
  [{ SCENARIO: "regional-disaster", FROM: "replica", OF_SCENARIOS: "eu-central-1" }],
  [{ SCENARIO: "database-failure", OF_SCENARIOS: "2026-11-29T14:05:00Z" }],
  [{ SCENARIO: "database-failure", DO: "remove-project", WHICH: "abcdefghijklmnopqrst" }],
])("%j goes", (change: Record<string, string>) => {
  const { status, stdout } = look(change);
  expect(status, stdout).toBe(0);
});

test.each([
  [{ DO: "switch-on", WHICH: "1" }, "goes with a scenario"],
  [{ OF_SCENARIOS: "2026-11-29T14:05:00Z" }, "go with a scenario"],
  [{ WHICH: "abcdefghijklmnopqrst" }, "which goes with"],
  [{ SCENARIO: "complete-loss", WHICH: "1" }, "which goes with"],
  [{ SCENARIO: "complete-loss", DO: "switch-on" }, "needs which"],
  [{ SCENARIO: "database-failure", DO: "remove-project" }, "needs which"],
  [{ SCENARIO: "complete-loss", FROM: "replica" }, "reads the vault"],
  [{ SCENARIO: "complete-loss", TARGET: "made" }, "target would be left alone"],
])("%j is refused", (change: Record<string, string>, why) => {
  const { status, stdout } = look(change);
  expect(status).toBe(1);
  // Without a code of its own, the step after it says that the job ended before it could say how it went.
  expect(readFileSync(outputs, "utf8")).toBe("error-code=inputs\n");
  expect(stdout).toMatch(/^::error title=restore::[^\n]* Nothing was done\.$/m);
  expect(stdout).toContain(why);
});

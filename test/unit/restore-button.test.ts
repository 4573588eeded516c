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
const ofRepairs = { TABLE: "", ROWS: "of-the-transaction", TRANSACTION: "", DAMAGED: "", EXPECTED: "", PLAN_HASH: "" };
const rest = { ...ofRepairs, WRITE: "false", OF_REPAIRS: "", MAKES: "true", OF_SCENARIOS: "" };
const repair = {
  SCENARIO: "minor-corruption",
  TABLE: "public.exams",
  TRANSACTION: "757",
  OF_REPAIRS: "public.exams757",
};

let outputs: string;
beforeEach(() => {
  outputs = join(mkdtempSync(join(tmpdir(), "restore-button-")), "outputs");
});
afterEach(() => rmSync(dirname(outputs), { recursive: true }));

function look(change: Record<string, string>) {
  const env = {
    ...plain,
    ...rest,
    GITHUB_STEP_SUMMARY: "/dev/null",
    GITHUB_OUTPUT: outputs,
    ...change,
  };
  const { status, stdout } = spawnSync("bash", ["-e", "-c", step.run], { env, encoding: "utf8" });
  return { status, stdout };
}

test("the step takes what it looks at from the inputs, and both jobs come after it", () => {
  expect(Object.keys(step.env).sort()).toEqual(Object.keys({ ...plain, ...rest }).sort());
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
  [repair],
  [{ ...repair, WRITE: "true", EXPECTED: "395" }],
  [{ ...repair, TRANSACTION: "", ROWS: "missing" }],
  [{ SCENARIO: "minor-corruption", DO: "apply", WHICH: "20261130T180726Z-1d1b8e40", PLAN_HASH: "0123456789abcdef" }],
  [{ SCENARIO: "minor-corruption", DO: "undo", WHICH: "20261130T180726Z-1d1b8e40" }],
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
  [{ SCENARIO: "minor-corruption" }, "needs a table"],
  [{ ...repair, TRANSACTION: "" }, "Give the transaction"],
  [{ ...repair, WRITE: "true" }, "Rehearse first"],
  [{ ...repair, FROM: "replica" }, "A repair reads the vault"],
  [{ ...repair, OF_SCENARIOS: "eu-central-1" }, "go with other scenarios"],
  [{ ...repair, DO: "give-up" }, "goes with another scenario"],
  [{ ...repair, DO: "undo", WHICH: "20261130T180726Z-1d1b8e40" }, "takes what its plan says"],
  [{ SCENARIO: "minor-corruption", DO: "apply", WHICH: "20261130T180726Z-1d1b8e40" }, "needs the hash"],
  [{ SCENARIO: "minor-corruption", DO: "undo" }, "needs which"],
  [{ SCENARIO: "complete-loss", DO: "undo", WHICH: "20261130T180726Z-1d1b8e40" }, "goes with minor-corruption"],
  [{ SCENARIO: "complete-loss", OF_REPAIRS: "public.exams" }, "go with minor-corruption"],
])("%j is refused", (change: Record<string, string>, why) => {
  const { status, stdout } = look(change);
  expect(status).toBe(1);
  // Without a code of its own, the step after it says that the job ended before it could say how it went.
  expect(readFileSync(outputs, "utf8")).toBe("error-code=inputs\n");
  expect(stdout).toMatch(/^::error title=restore::[^\n]* Nothing was done\.$/m);
  expect(stdout).toContain(why);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  actionProblems,
  unreportedProblems,
  workflowProblems,
  workflowRuleProblems,
} from "../../scripts/check/workflow-rules.ts";

const root = new URL("../..", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), "utf8");

describe("the rules that act knows nothing of", () => {
  test("hold in every workflow and action", () => expect(workflowRuleProblems(root)).toEqual([]));

  test.each([
    ["a key without an environment", "    environment: backup\n", "", /without naming an environment/],
    [
      "another environment in the trail",
      "LIFEBOAT_ENVIRONMENT: backup",
      "LIFEBOAT_ENVIRONMENT: x",
      /has to say the same/,
    ],
    ["a key in another environment", "environment: backup", "environment: proving", /SIGNING_KEY belongs to .* backup/],
    ["a key on any branch", "if: github.ref == 'refs/heads/main'", "if: always()", /other branches than main/],
    ["a way around the branch", "'refs/heads/main'", "'refs/heads/main' || always()", /other branches than main/],
    ["a longer way around", "'refs/heads/main'", "'refs/heads/main' && true || always()", /other branches than main/],
    ["a key for every job", "jobs:", "env:\n  KEY: $" + "{{ secrets.KEY }}\njobs:", /for every job/],
    ["a key for pull requests", "  workflow_dispatch:", "  pull_request:\n  workflow_dispatch:", /to pull requests/],
    ["a stranger's change", "  workflow_dispatch:", "  pull_request_target:\n  workflow_dispatch:", /stranger/],
    ["permissions for all jobs", "permissions: {}", "permissions:\n  contents: write # to push", /own permissions/],
    ["a job that names none", "    permissions: *rights\n", "", /names no permissions/],
    ["a permission without reason", /id-token: write #.*/, "id-token: write", /without its reason/],
    ["no time-out", / {4}timeout-minutes: \d+\n/, "", /timeout-minutes/],
    ["no concurrency group", /concurrency:\n( {2}.*\n)*/, "", /concurrency group/],
    ["another runner", /runs-on: .*/, "runs-on: ubuntu-latest", /repository variable/],
    ["an action by its tag", /actions\/checkout@\w+/, "actions/checkout@v6", /not pinned/],
    ["a pin without its version", " # v6.0.2", "", /without its version/],
    ["an input in a shell line", "run: |\n", "run: |\n          echo $" + "{{ inputs.another }}\n", /shell line/],
    ["a token left behind", "persist-credentials: false", "fetch-depth: 1", /token/],
    ["all secrets at once", "$" + "{{ secrets.DATABASE_URL }}", "$" + "{{ toJSON(secrets) }}", /all secrets/],
    ["another job that writes", /contents: read # .*/, "contents: write # to push", /not the job that publishes/],
  ])("%s is found", (_, from, to, problem) => {
    const text = read(".github/workflows/backup.yml");
    expect(text).toMatch(from);
    const problems = workflowProblems(
      "backup.yml",
      text.replace(from, () => to),
    );
    expect(problems).toContainEqual(expect.stringMatching(problem));
  });

  test.each([
    ["a writer in another environment", "environment: monitor", "environment: backup", /not the job that publishes/],
    ["a key that signs beside the right to write", "secrets.SMTP_URL", "secrets.BACKUP_SIGNING_KEY", /has no place/],
    [
      "a key beside the right to write",
      "secrets.S3_BACKUP_BUCKET",
      "secrets.DATABASE_URL",
      /DATABASE_URL has no place/,
    ],
    ["somebody else's workflow", "uses: ./.github/workflows/", "uses: a/b/.github/workflows/", /somebody else's/],
    [
      "secrets for a workflow that is called",
      "uses: ./.github/workflows",
      "secrets: inherit\n    uses: ./.github/workflows",
      /all secrets/,
    ],
    ["a call on any branch", "if: github.ref == 'refs/heads/main' && !cancelled()", "if: true", /other branches/],
  ])("%s is found", (_, from, to, problem) => {
    const text = read(".github/workflows/monitor.yml");
    expect(text).toContain(from);
    expect(workflowProblems("monitor.yml", text.replace(from, to))).toContainEqual(expect.stringMatching(problem));
  });

  test("runs that nobody tells of are found", () => {
    const text = read(".github/workflows/monitor.yml");
    expect(unreportedProblems([read(".github/workflows/backup.yml"), text])).toEqual([]);
    const silent = [
      text.replace("actions/publish-report", "actions/verify-backup"),
      text.replace("schedule:", "push:"),
    ];
    for (const each of silent) expect(unreportedProblems([each])).toEqual([expect.stringMatching(/no schedule/)]);
  });

  test("an input in an action's shell line is found", () => {
    const text = read(".github/actions/prepare/action.yml").replace(
      '"$POSTGRESQL_MAJOR"',
      "$" + "{{ inputs.postgresql }}",
    );
    expect(actionProblems("action.yml", text)).toEqual([expect.stringMatching(/shell line/)]);
  });
});

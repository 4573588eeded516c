import type { PullRequest, PullRequestRow } from "./pull-request-scene.ts";

const row = (kind: string, code: RegExp, inject: (change: PullRequest) => void): PullRequestRow => ({
  ...{ stage: "check of a pull request", kind, code, inject },
  ...{ holder: "opens pull requests", outcome: "failed by name" },
});

const backup = ".github/workflows/backup.yml";
const begins = "  workflow_dispatch:";
const dollar = "$";
const secret = (name: string): string => `${dollar}{{ ${name} }}`;
const limit = / {4}timeout-minutes: \d+\n/;
const beside = (lines: string) => (of: PullRequest) => of.change(backup, limit, `    timeout-minutes: 9\n${lines}`);

/** As small as one can be that takes a key. */
const thief = (on: string): string => `name: thief
on: ${on}
permissions: {}
jobs:
  take:
    if: github.ref == 'refs/heads/main'
    runs-on: ${secret("vars.LIFEBOAT_RUNNER || 'ubuntu-latest'")}
    timeout-minutes: 5
    permissions: {}
    steps:
      - run: env
        env:
          KEY: ${secret("secrets.RESTORE_PRIVATE_KEY")}
`;

export const pullRequestRows: readonly PullRequestRow[] = [
  ...[
    "pull_request_target",
    "workflow_run",
    "issue_comment",
    "repository_dispatch",
    "issues",
    "discussion",
    "fork",
  ].map((trigger) =>
    row(`a workflow is started by ${trigger}`, /stranger/, (of) =>
      of.change(backup, begins, `  ${trigger}:\n${begins}`),
    ),
  ),
  row("a new workflow takes the prover's key", /without naming an environment/, ({ write }) =>
    write(".github/workflows/thief.yml", thief("{ workflow_dispatch: {} }")),
  ),
  row("a new workflow under the other ending takes the prover's key", /without naming an environment/, ({ write }) =>
    write(".github/workflows/thief.yaml", thief("{ workflow_dispatch: {} }")),
  ),
  row("a key by its name in capitals", /RESTORE_PRIVATE_KEY belongs to/, (of) =>
    of.change(backup, "secrets.DATABASE_URL", "SECRETS.RESTORE_PRIVATE_KEY"),
  ),
  row("a key by its name in small letters", /RESTORE_PRIVATE_KEY belongs to/, (of) =>
    of.change(backup, "secrets.DATABASE_URL", "secrets.restore_private_key"),
  ),
  row("a key by a name in brackets", /all secrets/, (of) =>
    of.change(backup, "secrets.DATABASE_URL", "secrets['RESTORE_PRIVATE_KEY']"),
  ),
  row("all keys of the workflow, in capitals", /secrets for every job/, (of) =>
    of.change(backup, "permissions: {}", `permissions: {}\nenv:\n  KEY: ${secret("SECRETS.RESTORE_PRIVATE_KEY")}`),
  ),
  row("all keys go to a workflow of somebody else's", /all secrets/, beside("    secrets: inherit\n")),
  row("a job with keys runs in a container", /container/, beside("    container: evil/image\n")),
  row("a job with keys has a service", /service/, beside("    services: { x: { image: evil/image } }\n")),
  row("a job with keys has a shell of its own", /shell of its own/, beside("    defaults: { run: { shell: x } }\n")),
  row("every job has a shell of its own", /shell of its own/, (of) =>
    of.change(backup, "permissions: {}", "permissions: {}\ndefaults:\n  run:\n    shell: x {0}"),
  ),
  row("a step is an image", /not pinned/, (of) =>
    of.change(backup, /uses: actions\/checkout@\w+.*/, "uses: docker://evil/image:latest"),
  ),
  row("an action by its branch, in a folder of its own", /not pinned/, ({ write }) =>
    write(
      ".github/actions/deep/er/action.yml",
      "name: x\nruns:\n  using: composite\n  steps:\n    - uses: evil/action@main\n",
    ),
  ),
  row("an expression in a shell line of an action, under the other ending", /shell line/, ({ write }) =>
    write(
      "actions/more/action.yaml",
      `name: x\nruns:\n  using: composite\n  steps:\n    - run: echo ${secret("inputs.x")}\n      shell: bash\n`,
    ),
  ),
  row("a file that a job with keys runs has no owner any more", /nobody must agree to a change of scripts/, (of) =>
    of.change(".github/CODEOWNERS", /^\/scripts\/ .*$/m, ""),
  ),
  ...["*", "**/*.ts", "scripts/", "/scr?pts/", "/actions/*"].map((pattern) =>
    row(`a last line of the owners takes them away: ${pattern}`, /is no path from the root/, (of) =>
      of.change(".github/CODEOWNERS", /$/, `\n${pattern}\n`),
    ),
  ),
  row("a last line of the owners takes the registry's settings away", /nobody must agree to a change of .npmrc/, (of) =>
    of.change(".github/CODEOWNERS", /$/, "\n/.npmrc\n"),
  ),
  row("a job with keys imports what is there for tests", /imports vitest/, (of) =>
    of.change("actions/lib/operations/backup/run-backup.ts", /^/, 'import { test } from "vitest";\n'),
  ),
];

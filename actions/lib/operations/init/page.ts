import type { Told } from "../operation.ts";
import type { Answers } from "./answers.ts";
import { neededSecrets } from "./own-files.ts";

export interface InitDone {
  /** What was written, or would be. */
  readonly done: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly keysFolder: string;
  readonly dryRun: boolean;
}

/** What was done, and what only a person can do, in order. */
export function toldInit(answers: Answers, { done, env, keysFolder, dryRun }: InitDone): Told {
  const empty = neededSecrets.filter((name) => name in env && env[name] === "");
  const steps = [
    ...(empty.length > 0
      ? [
          `Supabase: run runbooks/sql/backup-role.sql in the SQL editor, give lifeboat_backup a password, make an S3 access key (Storage, S3), and put into .env: ${empty.join(", ")}.`,
        ]
      : []),
    "AWS, as an administrator: `set -a; . ./.env; set +a; npx lifeboat provision aws`, and follow the link that comes by letter.",
    `GitHub: commit, push, \`export GITHUB_TOKEN=$(gh auth token)\`, \`npx lifeboat provision github --keys ${keysFolder}\`. Then take that folder offline: escrow's key and its passphrase to two places.`,
    answers.stagingRef === null
      ? "Start it: `gh workflow run backup`. Without a staging project no set is ever proven: make one, and run init again."
      : `Start it: \`npx lifeboat test-restore --mark-staging ${answers.stagingRef}\`, \`gh workflow run backup\`, and when it is green \`gh workflow run restore-test\`.`,
  ];
  const notes =
    answers.pitrDays === null
      ? [
          "Without point-in-time recovery the promise of two minutes cannot be kept: `npx lifeboat policy check --offline` says what can be promised.",
        ]
      : [];
  return {
    result: { dryRun, done, steps, notes },
    lines: [
      ...(done.length === 0
        ? ["Everything was there already."]
        : [dryRun ? "Dry run: this would be written." : "Written:"]),
      ...done.map((one) => `  ${one}`),
      "",
      "Left for you:",
      ...steps.map((step, index) => `  ${index + 1}. ${step}`),
      ...(notes.length > 0 ? ["", ...notes] : []),
    ],
  };
}

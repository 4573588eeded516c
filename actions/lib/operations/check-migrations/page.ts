import { countOf, formatDay } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { Outcome } from "../../report/run/run-report.ts";
import type { CheckedMigrations } from "./check-migrations.ts";
import type { SetsWithIt } from "./kept-in.ts";
import { feltAs } from "./observe.ts";

/** What becomes unrecoverable by a change, in which sets it still is, and what the change locks. */
export function migrationCheckPage(result: CheckedMigrations, sets: readonly SetsWithIt[]): Page {
  const { files, losses, locks, findings, server, outcome } = result;
  return {
    title: "Migrations of this change",
    sentence: sentenceOf(result),
    tables: [
      {
        title: "What only older sets have once this is merged",
        header: ["what", "how", "file"],
        rows: losses.map(({ what, how, file }) => [what, how, file]),
      },
      {
        title: "Where it still is",
        header: ["tier", "newest set with it", "kept until"],
        rows:
          losses.length === 0
            ? []
            : sets.map(({ tier, set, until }) => [tier, set ?? "the last before the merge", formatDay(until)]),
      },
      {
        title: `Locks, as PostgreSQL ${server} takes them`,
        header: ["table", "lock", "for others", "statement", "file"],
        rows: locks.map(({ table, mode, rewrites, documented, what, file, statement }) => [
          ...[table, mode + (documented ? " (as the manual says)" : "")],
          feltAs(mode) + (rewrites ? ", while the whole table is written anew" : ""),
          ...[`${statement}: ${what}`, file],
        ]),
      },
      {
        title: "To know",
        header: ["file", "what"],
        rows: findings.map(({ file, what }) => [file, what]),
      },
    ],
    notes: [
      ...(losses.length > 0
        ? ["What was written after the last set is in none: run `lifeboat backup` before the migration does."]
        : []),
      ...(files.length > 0 && outcome !== "refused" && outcome !== "unclear"
        ? ["It ran on tables without rows: how long a lock is held, and what the rows make fail, does not show here."]
        : []),
    ],
  };
}

function sentenceOf({ outcome, files, losses, why }: CheckedMigrations): string {
  const amount = countOf(files.length, "new migration");
  switch (outcome) {
    case "none":
      return "This change brings no new migration.";
    case "nothing-lost":
      return `${amount}: nothing that is there now is lost by it, as far as schema and words of the statements tell.`;
    case "loses":
      return `${amount}: ${countOf(losses.length, "thing")} can be brought back from older sets alone once this is merged.`;
    case "refused":
      return `${amount}, and it cannot be applied: ${why}`;
    case "unclear":
      return `${amount}, and what it does was not seen to its end: ${why}`;
  }
}

/** What a page for a comment may have at most: GitHub takes 65,536 characters, Linux 131,072 bytes of one variable. */
const longestComment = { characters: 60_000, bytes: 120_000 } as const;

/** Whole lines, as many as fit. */
function commentOf(markdown: string): string {
  let [characters, bytes, end] = [0, 0, 0];
  for (const line of markdown.split(/(?<=\n)/)) {
    characters += line.length;
    bytes += Buffer.byteLength(line);
    if (characters > longestComment.characters || bytes > longestComment.bytes)
      return `${markdown.slice(0, end)}\n\nThe rest is in the job's summary.`;
    end += line.length;
  }
  return markdown;
}

export function reportCheck(result: CheckedMigrations, page: Page, markdown: string): Outcome {
  return {
    ...{ page, outputs: { outcome: result.outcome, comment: commentOf(markdown) } },
    ...(result.outcome === "refused" && {
      failure: {
        code: "migrations-refused",
        message: page.sentence,
        next: "Correct the migration: a restored set could not be brought up to date with it either.",
      },
    }),
  };
}

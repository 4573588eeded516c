import { countOf } from "../../base/measures.ts";
import type { Page, PageTable } from "../../report/page.ts";
import type { MigrationResult } from "./bring-up-to-date.ts";

/** What was applied to a restored database, and what has to be known of it. */
export function migrationPage(result: MigrationResult, target: string): Page {
  return {
    title: `Migrations of ${target}`,
    sentence: migrationSentence(result),
    tables: migrationTables(result),
  };
}

/** The word `current` stands in it only where nothing may be otherwise than the folder makes it. */
export function migrationSentence({ outcome, applied, same, findings, own, folder }: MigrationResult): string {
  const doubts = findings.filter(({ severity }) => severity === "doubt").length;
  const known = folder === null ? "" : `, ${countOf(same, "other")} there already and the same`;
  const programs = own.length === 0 ? "" : ` ${countOf(own.length, "program")} of the application's own ended well.`;
  const amount = countOf(applied.length, "migration");
  if (outcome === "dry-run") return `Dry run: ${amount} would be applied${known}. Nothing was written.`;
  if (outcome === "current") return `${amount} applied${known}: the schema is current with the folder.${programs}`;
  return `${amount} applied${known}, and ${countOf(doubts, "thing")} may make the schema another than the folder's.${programs}`;
}

export function migrationTables({ applied, findings, own }: MigrationResult): PageTable[] {
  const of = (severity: string) =>
    findings.filter((one) => one.severity === severity).map(({ file, what }) => [file, what]);
  return [
    { title: "Migrations that may make another schema", header: ["file", "why"], rows: of("doubt") },
    {
      title: "Migrations, in order",
      header: ["file", "statements"],
      rows: applied.map(({ file, statements }) => [file, String(statements)]),
    },
    { title: "What they do", header: ["file", "what"], rows: of("told") },
    {
      title: "The application's own",
      header: ["table", "program", "rows before", "rows after", "added"],
      rows: own.map(({ table, program, before, after, added }) => [
        ...[table, program, String(before), String(after), added.join(", ")],
      ]),
    },
  ];
}

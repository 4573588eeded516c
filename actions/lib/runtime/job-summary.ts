import * as core from "@actions/core";

/** A job's summary page: a heading, one sentence, and tables. Rendered by `renderSummary`, written by `writeSummary`. */
export interface Summary {
  readonly title: string;
  readonly sentence: string;
  readonly tables: readonly SummaryTable[];
}

export interface SummaryTable {
  readonly title?: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Markdown; cells keep their text whatever it holds. */
export function renderSummary(summary: Summary): string {
  const tables = summary.tables
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, header, rows }) => {
      const lines = [header, header.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`);
      return `${title === undefined ? "" : `### ${title}\n\n`}${lines.join("\n")}\n`;
    });
  return [`## ${summary.title}\n`, `${summary.sentence}\n`, ...tables].join("\n");
}

/** Markdown and HTML in a cell are text: names of tables are chosen by others. The separator `---` stays. */
function cell(text: string): string {
  return text === "---" ? text : text.replaceAll(/[\\`*_{}[\]<>#|~&]/g, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}

/** Appends to the job's summary; outside of GitHub Actions there is none, and nothing happens. */
export async function writeSummary(summary: Summary): Promise<void> {
  if (!process.env["GITHUB_STEP_SUMMARY"]) return;
  await core.summary.addRaw(renderSummary(summary), true).write();
}

import { markdownText, visible } from "../base/escaping.ts";
import { formatDuration } from "../base/measures.ts";

/** What an operation has to say when it ended: one sentence, and tables. The same page for a terminal and for a job. */
export interface Page {
  readonly title: string;
  readonly sentence: string;
  readonly tables: readonly PageTable[];
  /** What to do or to know now, one sentence each. */
  readonly notes?: readonly string[];
}

export interface PageTable {
  readonly title?: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** GitHub's Markdown. Cells keep their text whatever it holds: names of tables are chosen by others. */
export function renderMarkdown(page: Page): string {
  const tables = filled(page).map(({ title, header, rows }) => {
    const lines = [header.map(markdownText), header.map(() => "---"), ...rows.map((row) => row.map(markdownText))];
    const heading = title === undefined ? "" : `### ${markdownText(title)}\n\n`;
    return `${heading}${lines.map((row) => `| ${row.join(" | ")} |`).join("\n")}\n`;
  });
  const notes = (page.notes ?? []).map((note) => `- ${markdownText(note)}`).join("\n");
  const heading = `## ${markdownText(page.title)}\n`;
  return [heading, `${markdownText(page.sentence)}\n`, ...tables, ...(notes === "" ? [] : [`${notes}\n`])].join("\n");
}

/** Lines for a terminal; the sentence stands last, where the eye is when a command has ended. */
export function renderText(page: Page): string[] {
  const tables = filled(page).flatMap(({ title, header, rows }) => [
    ...(title === undefined ? [] : [`${visible(title)}:`]),
    ...columns(header, rows).map((line) => (title === undefined ? line : `  ${line}`)),
    "",
  ]);
  const notes = (page.notes ?? []).map((note) => `- ${visible(note)}`);
  return [...tables, ...notes, ...(notes.length > 0 ? [""] : []), visible(page.sentence)];
}

function filled(page: Page): PageTable[] {
  return page.tables.filter(({ rows }) => rows.length > 0);
}

/** Columns as wide as their widest cell; the last one is not padded. */
function columns(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows].map((row) => row.map(visible));
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const pad = (cell: string, column: number): string =>
    column === header.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
  return all.map((row) => row.map(pad).join("  ").trimEnd());
}

const longest = 24;

/** How long each stage took, in order, with a bar of text: a chart that a terminal and a job's summary both show. */
export function timeTable(stages: readonly { readonly name: string; readonly seconds: number }[]): PageTable {
  const most = Math.max(...stages.map(({ seconds }) => seconds), 0);
  const bar = (seconds: number): string => "█".repeat(most === 0 ? 0 : Math.round((seconds / most) * longest));
  return {
    title: "Time",
    header: ["stage", "took", "of the longest"],
    rows: stages.map(({ name, seconds }) => [name, formatDuration(seconds * 1000), bar(seconds)]),
  };
}

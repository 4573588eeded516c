import { formatDuration } from "../runtime/measures.ts";
import type { PageTable } from "./page.ts";

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

import { describe, expect, test } from "vitest";
import { pageHtml } from "../../actions/lib/report/branch/build-pages.ts";
import { renderIndex } from "../../actions/lib/report/branch/index-page.ts";
import { renderMarkdown } from "../../actions/lib/report/page.ts";
import { renderRun } from "../../actions/lib/report/run/run-page.ts";
import { runReportSchema } from "../../actions/lib/report/run/run-report.ts";
import { type RunRow, rowOf } from "../../actions/lib/report/run/run-row.ts";
import { now, reportOf } from "./simulated-runs.ts";

/** Names and notes that are chosen by somebody who wants to be more than text. */
const hostile = [
  "<script>alert(1)</script>",
  "[click](javascript:alert(1))",
  "![x](https://evil.example/x.png)",
  "`code` **bold** _it_ ~gone~ # head",
  "line\n## injected\n| a | b |",
  "\u001b[2J\u202eevil",
  "https://evil.example/login www.evil.example somebody@evil.example",
];

const script = /<script|<img|href="javascript|\n## injected/;
/** Controls and what turns the direction of writing, but for the end of a line. */
const unseen = /[^\P{C}\n]/u;

describe("whatever a name holds, it is text", () => {
  test.each(hostile)("in a page's heading, table and notes: %j", (name) => {
    const tables = [{ title: name, header: [name], rows: [[name]] }];
    const markdown = renderMarkdown({ title: name, sentence: name, tables, notes: [name] });
    expect(markdown).not.toMatch(/\n## injected/);
    expect(markdown).not.toMatch(unseen);
    // GitHub makes links of these where nothing stands between.
    expect(markdown).not.toMatch(/https?:\/\/evil|www\.evil|[a-z]@evil/);
    expect(markdown.split("\n").filter((line) => line.startsWith("## "))).toHaveLength(1);
    expect(pageHtml(markdown)).not.toMatch(script);
  });

  test.each(hostile)("in the first page of the reports: %j", (name) => {
    const row: RunRow = { ...rowOf(reportOf({ runId: "1" })), workflow: name, url: "javascript:alert(1)" };
    const failed: RunRow = {
      ...row,
      conclusion: "failure",
      at: "2020-01-01T00:00:00.000Z",
      operations: [{ operation: "backup", conclusion: "failure", seconds: 1, code: name, set: name, outcome: name }],
    };
    const standing = { sets: [], proven: null, restores: [], files: null, source: "reports" } as const;
    const rows = [failed, row, { ...failed, at: row.at }];
    const markdown = renderIndex({ project: name, standing, rows, histories: [], now, notes: [name] });
    expect(markdown.replaceAll(/`[^`]*`/g, "")).not.toMatch(/\n## injected|(?<!\\)\]\(javascript/);
    expect(markdown).not.toMatch(unseen);
    expect(pageHtml(markdown)).not.toMatch(script);
  });

  test("in the page of a run, whose report is refused where it leads elsewhere", () => {
    const report = reportOf({ operation: { sentence: hostile.join(" "), warnings: hostile, job: "job [x](y)" } });
    expect(pageHtml(renderRun(report))).not.toMatch(script);
    for (const run of [{ url: "javascript:alert(1)" }, { workflow: "a\nb" }, { workflow: "\u202ex" }]) {
      expect(runReportSchema.safeParse({ ...report, run: { ...report.run, ...run } }).success).toBe(false);
    }
  });
});

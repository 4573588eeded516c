import { describe, expect, test } from "vitest";
import { pageHtml } from "../../actions/lib/report/branch/build-pages.ts";
import { histories, historyChart, thinned } from "../../actions/lib/report/branch/history-chart.ts";
import { renderRun } from "../../actions/lib/report/run/run-page.ts";
import { rowOf } from "../../actions/lib/report/run/run-row.ts";
import { now, reportOf, simulatedDay } from "./simulated-runs.ts";

describe("pages", () => {
  test("keep a name that would be Markdown or HTML as text", () => {
    const report = reportOf({ operation: { sentence: "table | <b>x</b> `y` **z**", warnings: ["a | b"] } });
    const html = pageHtml(renderRun(report));
    expect(html).toContain("table | &lt;b&gt;x&lt;/b&gt; `y` **z**");
    expect(html).not.toContain("<b>");
  });

  test("link nowhere but to files beside them and to the web", () => {
    expect(pageHtml("[a](javascript:alert) [b](runs/x.md) [c](https://github.com/x)")).toContain(
      'a <a href="runs/x.md">b</a> <a href="https://github.com/x">c</a>',
    );
  });

  test("have charts of well-formed text whatever was measured", () => {
    const rows = Array.from({ length: 400 }, (_, day) => simulatedDay(day, now))
      .flat()
      .map(rowOf);
    for (const some of [[], rows.slice(0, 1), rows]) {
      for (const history of histories(some)) {
        const svg = historyChart(history);
        expect(svg).toMatch(/^<svg [^>]*>\n<title>/);
        expect(svg).not.toMatch(/NaN|undefined|Infinity/);
        expect(svg.length).toBeLessThan(12_000);
      }
    }
  });

  test("draw many points as medians, and the newest as it is", () => {
    const points = Array.from({ length: 1001 }, (_, at) => ({ at, value: at === 500 ? 1e9 : at }));
    const few = thinned(points, 90);
    expect(few.length).toBeLessThanOrEqual(90);
    expect(few.at(-1)).toEqual({ at: 1000, value: 1000 });
    expect(Math.max(...few.map(({ value }) => value))).toBe(1000);
  });
});

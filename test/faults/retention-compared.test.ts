import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { renderMarkdown, renderText } from "../../actions/lib/report/page.ts";
import { compared, comparedDays, comparisonPage } from "../lab/retention/comparison.ts";
import { tableWanted } from "./table/reporter.ts";

const published = new URL("../../runbooks/bench-retention.md", import.meta.url);

describe("retention beside what others do", () => {
  test("never loses everything, nor a newest good set; the published page says what each of the others loses", async () => {
    const page = await comparisonPage(comparedDays);
    if (process.env[tableWanted] === "1") process.stdout.write(`${renderText(page).join("\n")}\n`);
    const [troubles, days] = page.tables;
    const lost = (rule: string): number => {
      const column = troubles?.header.indexOf(rule) ?? -1;
      return troubles?.rows.filter((row) => row[column] === "nothing").length ?? -1;
    };
    const losing = Object.keys(compared).filter((rule) => lost(rule) > 0);
    expect(losing).toEqual(Object.keys(compared).filter((rule) => rule !== "Lifeboat"));
    expect(days?.rows.at(-1)).toEqual(["Lifeboat", "0", "0", "0", "0", "0"]);
    expect(days?.rows.slice(0, -1).filter((row) => row.includes("0"))).toEqual([]);
    // `npm run bench -- --retention --write` writes it.
    const text = readFileSync(published, "utf8");
    for (const table of renderMarkdown({ ...page, notes: [] })
      .split("\n\n")
      .slice(2))
      expect(text).toContain(table.trim());
  });
});

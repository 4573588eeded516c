import { describe, expect, test } from "vitest";
import { renderMarkdown, renderText, timeTable } from "../../actions/lib/report/page.ts";

const page = {
  title: "Backup",
  sentence: "Done.",
  tables: [
    { title: "Tables", header: ["table", "rows"], rows: [["public.a|b <img>", "3"]] },
    { title: "Empty", header: ["a"], rows: [] },
  ],
  notes: ["Look at it."],
};

describe("a page", () => {
  test("shows how long each stage took beside the longest", () => {
    const { rows } = timeTable([
      { name: "data", seconds: 8 },
      { name: "keys", seconds: 2 },
      { name: "none", seconds: 0 },
    ]);
    expect(rows).toEqual([
      ["data", "8.0 s", "█".repeat(24)],
      ["keys", "2.0 s", "█".repeat(6)],
      ["none", "0.0 s", ""],
    ]);
    expect(timeTable([]).rows).toEqual([]);
  });

  test("shows a name with markup in it as text", () => {
    expect(renderMarkdown(page)).toContain("| public.a\\|b \\<img\\> | 3 |");
    expect(renderMarkdown(page)).toContain("| --- | --- |");
  });

  test("leaves out a table without rows", () => {
    expect(renderMarkdown(page)).not.toContain("Empty");
    expect(renderText(page).join("\n")).not.toContain("Empty");
  });

  test("ends on a terminal with its sentence", () => {
    const lines = renderText(page);
    expect(lines.at(-1)).toBe("Done.");
    expect(lines.slice(0, 3)).toEqual(["Tables:", "  table             rows", "  public.a|b <img>  3"]);
  });
});

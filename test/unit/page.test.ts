import { describe, expect, test } from "vitest";
import { renderMarkdown, renderText } from "../../actions/lib/report/page.ts";

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

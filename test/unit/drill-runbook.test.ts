import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ProvenDrill, runbookOf, withDrill } from "../../actions/lib/operations/drill/runbook-text.ts";
import { drillScenarios } from "../../actions/lib/vault/format/proof.ts";
import { readRunbookPage } from "../../scripts/check/runbook-page.ts";

const root = new URL("../../", import.meta.url);
const page = `---
owner: platform
reviewed: 2026-01-10
review-every-days: 90
---

# A page

reviewed: 2020-01-01

<!-- drill:begin -->
Old.
<!-- drill:end -->

After.
`;

const drill: ProvenDrill = {
  ...{ proof: "20260412T060000Z-0000000a", set: "20260411T230000Z-0000000b", outcome: "proven" },
  finishedAt: "2026-04-12T06:30:00.000Z",
  target: { name: "staging", projectRef: "abc", kind: "supabase", serverVersion: "17.4" },
  drill: {
    ...{ scenario: "complete-loss", rtoMinutes: 120, machineSeconds: 1800, withFiles: true, dollars: 0.03 },
    human: { minutes: 25, measuredAt: "2026-01-12T06:00:00.000Z" },
    phases: [
      { name: "restore the set", seconds: 1500, late: false },
      { name: "check the application", seconds: 300, late: true },
    ],
    lost: { seconds: 25_200, rows: 12, files: 3, sentinels: 420, measuredBy: "sentinels" },
    ...{ configuration: null, migrations: null, failures: [], byHand: ["Tell the schools."] },
    sabotage: { kind: "missing part", seed: "00000000", refused: true },
  },
};

test("a page tells its last drill between its marks alone, and its review is dated by it", () => {
  const before = {
    ...drill,
    drill: { ...drill.drill, phases: [{ name: "restore the set", seconds: 600, late: false }] },
  };
  const text = withDrill(page, drill, before) ?? "";
  expect(readRunbookPage(text).frontMatter?.reviewed).toBe("2026-04-12");
  expect(text).toContain("# A page\n\nreviewed: 2020-01-01\n");
  expect(text.endsWith("<!-- drill:end -->\n\nAfter.\n")).toBe(true);
  expect(text).not.toContain("Old.");
  expect(text).toContain("| restore the set | 25 min | 10 min | slower |");
  expect(text).toContain("| check the application | 5 min | – | **late** |");
  expect(text).toMatch(
    /30 min by machines, 25 min by people, measured on 2026-01-12; 2 h are promised\. 7 h of work were lost \(12 rows, 3 files, 420 sentinels\)/,
  );
  expect(text).toContain("- Tell the schools.");
  expect(text).toContain("$0.03");
  // The same drill changes nothing more.
  expect(withDrill(text, drill, before)).toBe(text);
});

test("a drill that failed says so and dates no review; an older one does not date it back", () => {
  const failed = {
    ...drill,
    outcome: "failed" as const,
    drill: { ...drill.drill, failures: ["check `people` failed"] },
  };
  const text = withDrill(page, failed, undefined) ?? "";
  expect(readRunbookPage(text).frontMatter?.reviewed).toBe("2026-01-10");
  expect(text).toContain("**It failed**");
  expect(text).toContain("- check \\`people\\` failed");
  const early = { ...drill, finishedAt: "2025-12-01T00:00:00.000Z" };
  expect(readRunbookPage(withDrill(page, early, undefined) ?? "").frontMatter?.reviewed).toBe("2026-01-10");
});

test("what a drill names becomes no markup, no mark and no link", () => {
  const hostile = ["<!-- drill:end -->", "| a | [x](https://evil.example) @everyone", "a\n## b\n---"];
  const named = { ...drill, drill: { ...drill.drill, failures: hostile, byHand: hostile } };
  const text = withDrill(page, named, undefined) ?? "";
  expect(text.split("<!-- drill:end -->")).toHaveLength(2);
  expect(text).not.toMatch(/^## b/m);
  expect(readRunbookPage(text).links).toEqual([]);
  expect(withDrill(text, drill, undefined)).toBe(withDrill(page, drill, undefined));
});

test("a page without the marks is left alone, and each scenario's page has them", () => {
  expect(withDrill("# No marks", drill, undefined)).toBeUndefined();
  for (const scenario of drillScenarios) {
    const text = readFileSync(new URL(runbookOf(scenario), root), "utf8");
    expect(withDrill(text, drill, undefined), scenario).toContain(drill.proof);
  }
});

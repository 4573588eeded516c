import { describe, expect, test } from "vitest";
import { refusalOf } from "../../actions/lib/supabase/point-in-time.ts";
import { publicStatusOf } from "../../actions/lib/supabase/status-page.ts";

describe("what the API says to a request for point-in-time recovery", () => {
  test("a moment outside the range is told by the text, with the bounds in any form", () => {
    const found = { answer: "out-of-range", earliest: 1764000000, latest: 1764425000 };
    for (const bounds of [
      ["1764000000", "1764425000"],
      ["1764000000000", "1764425000000"],
      ["2025-11-24T16:00:00.000Z", "2025-11-29T14:03:20.000Z"],
    ])
      expect(refusalOf(`Recovery time target must be within range: ${bounds.join(" <= t <= ")}`)).toEqual(found);
    expect(refusalOf("Recovery time target must be within range: soon")).toEqual({
      answer: "out-of-range",
      earliest: undefined,
      latest: undefined,
    });
  });

  test.each([
    ["PITR is not enabled for this project.", "pitr-off"],
    ["Failed to check for major version", "disk-full"],
    ["This endpoint is unavailable at the moment", "closed"],
    ["Something else", "other"],
  ])("%s is %s", (said, reason) => {
    expect(refusalOf(said)).toEqual({ answer: "refused", reason, said });
  });
});

describe("Supabase's status page", () => {
  test("tells what is in trouble, bounded", () => {
    const components = Array.from({ length: 50 }, (_, n) => ({
      name: `c${n} ${"x".repeat(500)}`,
      status: "major_outage",
    }));
    const found = publicStatusOf({
      status: { indicator: "major", description: "Partial System Outage" },
      incidents: [{ name: "Elevated errors in us-east-1", impact: "major" }],
      components: [{ name: "Auth", status: "operational" }, ...components],
    });
    expect(found).toMatchObject({ known: true, summary: "Partial System Outage" });
    const troubles = found.known ? found.troubles : [];
    expect(troubles[0]).toBe("Elevated errors in us-east-1 (major)");
    expect(troubles).toHaveLength(10);
    expect(Math.max(...troubles.map(({ length }) => length))).toBeLessThanOrEqual(201);
  });

  test.each([[undefined], [[]], ["<html>"], [{ status: "fine" }]])("is unknown when it answers %j", (document) => {
    expect(publicStatusOf(document)).toMatchObject({ known: false });
  });
});

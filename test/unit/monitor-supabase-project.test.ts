import { describe, expect, test } from "vitest";
import {
  judgeHealth,
  judgePlan,
  judgeReadOnly,
  judgeStatusPage,
  judgeToken,
} from "../../actions/lib/policy/monitor/supabase-project.ts";
import { publicStatusOf } from "../../actions/lib/supabase/status-page.ts";
import type { Service } from "../../actions/lib/supabase/vitals.ts";

const now = new Date("2026-11-30T09:00:00Z");

describe("the project", () => {
  const service = (name: Service["name"], state: Service["state"] = "healthy"): Service => ({ name, state });
  const well = [service("db"), service("pooler"), service("storage"), service("auth")];

  test.each([
    ["ACTIVE_HEALTHY", "ok"],
    ["RESIZING", "warning"],
    ["RESTORING", "warning"],
    ["PAUSING", "warning"],
    ["INACTIVE", "critical"],
    ["ACTIVE_UNHEALTHY", "critical"],
    ["RESTORE_FAILED", "critical"],
    ["REMOVED", "critical"],
    ["A_WORD_OF_2027", "critical"],
    ["UNKNOWN", "unknown"],
  ])("that is %s: %s", (status, state) => expect(judgeHealth(status, well).state).toBe(state));

  test("of which a service is down that backups need is critical; of any other, or one that comes up, a warning", () => {
    expect(judgeHealth("ACTIVE_HEALTHY", [...well, service("realtime", "unhealthy")]).state).toBe("warning");
    expect(judgeHealth("ACTIVE_HEALTHY", [service("db", "coming-up")]).state).toBe("warning");
    expect(judgeHealth("ACTIVE_HEALTHY", [service("storage", "unhealthy")])).toMatchObject({
      ...{ state: "critical", found: "The project is ACTIVE_HEALTHY; storage is unhealthy." },
    });
  });

  test("of which no service is told is not known to be well", () => {
    expect(judgeHealth("ACTIVE_HEALTHY", []).state).toBe("unknown");
  });

  test("that cannot be written is critical, that can for a quarter of an hour a warning", () => {
    expect(judgeReadOnly({ enabled: true, liftedUntil: undefined }).state).toBe("critical");
    expect(judgeReadOnly({ enabled: false, liftedUntil: now.getTime() }).state).toBe("warning");
    expect(judgeReadOnly({ enabled: false, liftedUntil: undefined }).state).toBe("ok");
  });

  test.each([
    ["pro", "ok"],
    ["free", "critical"],
    ["team", "warning"],
    ["platform", "warning"],
  ] as const)("whose plan is %s, where the policy says pro: %s", (plan, state) =>
    expect(judgePlan(plan, "pro").state).toBe(state),
  );
});

describe("the public status page", () => {
  const page = (indicator: string, incidents: readonly object[] = []) =>
    judgeStatusPage(publicStatusOf({ status: { indicator, description: "Something" }, incidents }));

  test.each([
    ["none", "ok"],
    ["minor", "ok"],
    ["major", "warning"],
    ["critical", "warning"],
  ])("that says %s: %s", (indicator, state) => expect(page(indicator).state).toBe(state));

  test("that cannot be read is a warning, never critical", () => {
    expect(judgeStatusPage({ known: false, why: "it does not answer in time" }).state).toBe("warning");
  });

  test("is told without what could break a line", () => {
    const hostile = [{ name: "Down\u0000\n\u202e# all well", impact: "major" }];
    expect(page("major", hostile).found).not.toMatch(/[\p{C}\n]/u);
  });
});

describe("the token", () => {
  const good = { scoped: true, expires: "2027-06-30", missing: [], refused: false };
  const judge = (facts: Partial<Parameters<typeof judgeToken>[0]>) => judgeToken({ ...good, ...facts }, now);

  test.each([
    ["2027-06-30", "ok"],
    ["2026-12-31", "ok"],
    ["2026-12-29", "warning"],
    ["2026-12-15", "warning"],
    ["2026-12-14", "critical"],
    ["2026-11-30", "critical"],
    ["2026-11-29", "critical"],
    [null, "warning"],
  ])("that ends on %s: %s", (expires, state) => expect(judge({ expires }).state).toBe(state));

  test("is red by itself when its last day is over", () => {
    expect(judge({}).dueAt).toBe("2027-07-01T00:00:00.000Z");
    expect(judge({ expires: "2026-11-29" }).found).toBe("It ends on 2026-11-29. That day is over.");
  });

  test("that is not taken is critical, whatever its day", () => {
    expect(judge({ refused: true })).toMatchObject({ state: "critical", found: expect.stringContaining("revoked") });
  });

  test("that lacks permissions, or has all of them, is a warning; the end comes first", () => {
    expect(judge({ missing: ["backups_read"] })).toMatchObject({
      ...{ state: "warning", found: "The token lacks backups_read. It ends on 2027-06-30." },
    });
    expect(judge({ scoped: false }).means).toContain("even delete the project");
    expect(judge({ scoped: false, missing: ["x_read"], expires: "2026-12-01" }).state).toBe("critical");
  });
});

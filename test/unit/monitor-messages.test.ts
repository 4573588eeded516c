import { describe, expect, test } from "vitest";
import { alertSubject, alertText } from "../../actions/lib/notify/alert.ts";
import { dailySummary } from "../../actions/lib/notify/daily-summary.ts";
import { monitorAlert } from "../../actions/lib/notify/monitor-alert.ts";
import type { Message, Turn } from "../../actions/lib/policy/monitor/alerts.ts";
import type { CheckState } from "../../actions/lib/policy/monitor/check.ts";

const pageUrl = (path: string): string => `https://github.example/${path}`;

function turn(id: string, kind: Turn["kind"] = "turned", state: CheckState = "critical"): Turn {
  return {
    ...{ kind, since: "2026-11-24T06:23:00Z" },
    check: {
      ...{ id, group: "backups", title: `Check ${id}`, runbook: "runbooks/backup-failed.md", state },
      ...{ found: `Found of ${id}.`, means: `Meaning of ${id}.`, next: `Next of ${id}.` },
    },
  };
}

const message = (turns: readonly Turn[], level: Message["level"] = "critical"): Message => ({
  ...{ level, turns, allWell: level === "good" },
});

describe("a message of the monitor", () => {
  test("about one check says what was found, since when, what it means, what to do, and leads to the runbook", () => {
    const alert = monitorAlert(message([turn("a")]), pageUrl);
    expect(alertSubject(alert)).toBe("[Lifeboat: CRITICAL] Critical: Check a");
    const text = alertText(alert);
    for (const part of [
      "Found of a.",
      "since: 2026-11-24 06:23 UTC",
      "Meaning of a.",
      "Next: Next of a.",
      "`lifeboat silence a --until DATE --reason TEXT`",
      pageUrl("runbooks/backup-failed.md"),
    ])
      expect(text).toContain(part);
  });

  test("about a few says what to do for each; about many it is short, and names every one up to a bound", () => {
    const few = monitorAlert(message([turn("a"), turn("b", "still"), turn("c")]), pageUrl);
    expect(few.title).toBe("Critical: 3 checks of the monitor");
    expect(few.lines[1]).toBe("Check b (since 2026-11-24 06:23 UTC): Found of b. Next of b.");
    const many = monitorAlert(message(Array.from({ length: 200 }, (_, at) => turn(`c${at}`))), pageUrl);
    expect(many.lines).toHaveLength(14);
    expect(many.lines[0]).toBe("Check c0: Found of c0.");
    expect(many.lines.at(-2)).toMatch(/^And Check c12, .* and 168 more\.$/);
    expect(many.lines.at(-1)).toContain("`lifeboat silence CHECK");
    expect(alertText(many).length).toBeLessThan(2500);
  });

  test("about what is well again closes the issue only when nothing else is wrong", () => {
    const good = message([turn("a", "well", "ok")], "good");
    expect(monitorAlert(good, pageUrl)).toMatchObject({ level: "good", title: "Well again: Check a", next: undefined });
    expect(monitorAlert({ ...good, allWell: false }, pageUrl).level).toBe("better");
  });
});

test("the summary begins with the table's head: how many, what is not ok with silences, the limits that are nearest", () => {
  const check = (title: string, state: CheckState, share?: number) => ({
    ...{ title, state, found: `${title} found.` },
    ...(share !== undefined && { measure: { value: share, limit: 1, unit: "bytes" as const } }),
  });
  const checks = [
    { ...check("Sets", "critical"), silencedUntil: "2026-11-30" },
    ...[check("Token", "unknown"), check("Disk", "warning", 0.9)],
    ...[
      check("Egress", "ok", 0.5),
      check("Files", "ok", 0.7),
      check("Vault", "ok"),
      check("Database", "ok", 0.6),
      check("Rows", "ok", 0.1),
    ],
  ];
  const summary = dailySummary(
    { day: "2026-11-24", checks, reports: [], promises: undefined },
    { pageUrl, label: (name) => name },
  );
  expect(summary.level).toBe("summary");
  expect(summary.lines).toEqual([
    "Monitor: 8 checks, 1 critical, 1 unknown, 1 warning, 5 ok.",
    "CRITICAL (silenced until 2026-11-30): Sets: Sets found.",
    "UNKNOWN: Token: Token found.",
    "warning: Disk: Disk found.",
    "Limit: Files: Files found.",
    "Limit: Database: Database found.",
    "Limit: Egress: Egress found.",
  ]);
  const loud = dailySummary(
    { day: "2026-11-24", checks: [check("Sets", "critical")], reports: [], promises: undefined },
    { pageUrl, label: (name) => name },
  );
  expect(loud.level).toBe("failed");
});

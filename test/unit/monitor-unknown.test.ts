import { expect, test } from "vitest";
import { advance, confirmed, shownResults } from "../../actions/lib/policy/monitor/alerts.ts";
import type { CheckResult, CheckState } from "../../actions/lib/policy/monitor/check.ts";
import { encodeState, noState, parseState } from "../../actions/lib/policy/monitor/state.ts";

const begun = Date.parse("2026-11-01T09:00:00Z");
const at = (hours: number): Date => new Date(begun + hours * 3_600_000);
const result = (state: CheckState, dueAt?: Date): CheckResult => ({
  ...{ id: "set", group: "backups", title: "The set", runbook: "runbooks/backup-failed.md" },
  ...{ state, found: `It is ${state}.`, next: "Look." },
  ...(dueAt && { dueAt: dueAt.toISOString() }),
});

/** Runs one after another, each so many hours after the first: what is told, and what is shown. */
function openMonitor() {
  let state = noState;
  return (hours: number, check: CheckResult) => {
    const now = at(hours);
    const { after, messages } = advance(state, [check], { now, run: `${hours}/1`, silences: [], unknownHours: 24 });
    const confirmations = messages.map((message) => ({ message, told: ["slack" as const], untold: [] }));
    // What is kept goes through its file.
    state = parseState(encodeState(confirmed(after, { confirmations, now }))) ?? noState;
    const [shown] = shownResults([check], state.checks, { now, unknownHours: 24 });
    return { told: messages.map(({ level }) => level), shown, kept: state.checks["set"] };
  };
}

test("what is unknown is shown as critical when alerts call it that, and says before from when on", () => {
  const run = openMonitor();
  const due = { state: "unknown", dueAt: at(24).toISOString() };
  expect(run(0, result("unknown"))).toMatchObject({ told: ["warning"], shown: due });
  expect(run(23, result("unknown"))).toMatchObject({ told: [], shown: due });
  expect(run(24, result("unknown"))).toMatchObject({
    ...{ told: ["critical"], kept: { state: "unknown" } },
    shown: { state: "critical", found: "It is unknown. Unknown since 2026-11-01 09:00 UTC." },
  });
});

test("what was known last counts no longer than it said, although nobody can look since", () => {
  const run = openMonitor();
  expect(run(0, result("ok", at(10))).told).toEqual([]);
  const due = { state: "unknown", dueAt: at(10).toISOString() };
  expect(run(6, result("unknown"))).toMatchObject({ told: ["warning"], shown: due });
  expect(run(9, result("unknown"))).toMatchObject({ told: [], shown: due });
  expect(run(12, result("unknown"))).toMatchObject({ told: ["critical"], shown: { state: "critical" } });
  // Known again, it counts by what is found.
  expect(run(15, result("ok", at(30)))).toMatchObject({ told: ["good"], shown: { dueAt: at(30).toISOString() } });
});

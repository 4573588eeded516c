import { describe, expect, test } from "vitest";
import type { Silence } from "../../actions/lib/config/policy/monitor.ts";
import type { ChannelName } from "../../actions/lib/config/policy/policy.ts";
import { advance, claimSummary, confirmed, type Message } from "../../actions/lib/policy/monitor/alerts.ts";
import { judgeChannels, unreachedAfter } from "../../actions/lib/policy/monitor/channels.ts";
import type { CheckResult, CheckState } from "../../actions/lib/policy/monitor/check.ts";
import { silenceOf } from "../../actions/lib/policy/monitor/silences.ts";
import { encodeState, type MonitorState, noState, parseState } from "../../actions/lib/policy/monitor/state.ts";

/** What people heard of a sequence of runs, so many hours after the first. */

const begun = Date.parse("2026-11-01T09:00:00Z");
const at = (hours: number): Date => new Date(begun + hours * 3_600_000);

function result(id: string, state: CheckState): CheckResult {
  const name = { id, group: "backups", title: `The ${id}`, runbook: "runbooks/backup-failed.md" } as const;
  return { ...name, state, found: `It is ${state}.`, ...(state !== "ok" && { next: "Look." }) };
}

interface Run {
  readonly hours: number;
  readonly checks: Readonly<Record<string, CheckState>>;
  readonly silences?: readonly Silence[];
  /** Channels that take it; default: all that are asked. */
  readonly by?: readonly ChannelName[];
  readonly run?: string;
}

class Monitor {
  state: MonitorState = noState;

  look({ hours, checks, silences = [], run = `${hours}/1` }: Run) {
    const results = Object.entries(checks).map(([id, state]) => result(id, state));
    return advance(this.state, results, { now: at(hours), run, silences, unknownHours: 24 });
  }

  /** A whole run; what is kept goes through its file. */
  run(told: Run): string[] {
    const { after, messages } = this.look(told);
    const by = told.by ?? ["slack"];
    const untold = by.length === 0 ? [{ channel: "slack" as const, reason: "timeout" }] : [];
    const confirmations = messages.map((message) => ({ message, told: by, untold }));
    this.keep(confirmed(after, { confirmations, now: at(told.hours) }));
    return messages.map(words);
  }

  keep(state: MonitorState): void {
    this.state = parseState(encodeState(state)) ?? noState;
  }
}

/** `critical: a b`, known ones in brackets. */
function words({ level, turns }: Message): string {
  const names = turns.map(({ check, kind }) => (kind === "still" ? `(${check.id})` : check.id));
  return `${level}: ${names.join(" ")}`;
}

describe("a check", () => {
  test("is told once when it turns, each day while it is critical, and when it is well again", () => {
    const monitor = new Monitor();
    expect(monitor.run({ hours: 0, checks: { a: "ok" } })).toEqual([]);
    expect(monitor.run({ hours: 3, checks: { a: "critical" } })).toEqual(["critical: a"]);
    const later = Array.from({ length: 23 }, (_, index) => 6 + 3 * index);
    const told = later.flatMap((hours) =>
      monitor.run({ hours, checks: { a: "critical" } }).map((said) => [hours, said]),
    );
    expect(told).toEqual([
      [24, "critical: (a)"],
      [45, "critical: (a)"],
      [66, "critical: (a)"],
    ]);
    expect(monitor.run({ hours: 75, checks: { a: "ok" } })).toEqual(["good: a"]);
    expect(monitor.run({ hours: 78, checks: { a: "ok" } })).toEqual([]);
  });

  test("that was a warning is told when it becomes critical, and not when it becomes one again", () => {
    const monitor = new Monitor();
    expect(monitor.run({ hours: 0, checks: { a: "warning" } })).toEqual(["warning: a"]);
    expect(monitor.run({ hours: 30, checks: { a: "warning" } })).toEqual([]);
    expect(monitor.run({ hours: 33, checks: { a: "critical" } })).toEqual(["critical: a"]);
    expect(monitor.run({ hours: 36, checks: { a: "warning" } })).toEqual([]);
    expect(monitor.run({ hours: 39, checks: { a: "critical" } })).toEqual([]);
    expect(monitor.run({ hours: 42, checks: { a: "ok" } })).toEqual(["good: a"]);
  });

  test("that cannot look is told at once, and is critical when that lasts a day", () => {
    const monitor = new Monitor();
    expect(monitor.run({ hours: 0, checks: { a: "unknown" } })).toEqual(["warning: a"]);
    expect(monitor.run({ hours: 21, checks: { a: "unknown" } })).toEqual([]);
    expect(monitor.run({ hours: 24, checks: { a: "unknown" } })).toEqual(["critical: a"]);
    expect(monitor.run({ hours: 48, checks: { a: "unknown" } })).toEqual(["critical: (a)"]);
    expect(monitor.run({ hours: 51, checks: { a: "ok" } })).toEqual(["good: a"]);
  });

  test("that was well for long is told of a warning by the second look that finds it, and at once when it is critical", () => {
    const monitor = new Monitor();
    expect(monitor.run({ hours: 0, checks: { a: "ok", b: "ok" } })).toEqual([]);
    expect(monitor.run({ hours: 12, checks: { a: "unknown", b: "ok" } })).toEqual([]);
    expect(monitor.run({ hours: 15, checks: { a: "ok", b: "ok" } })).toEqual([]);
    expect(monitor.run({ hours: 30, checks: { a: "warning", b: "critical" } })).toEqual(["critical: b"]);
    expect(monitor.run({ hours: 33, checks: { a: "unknown", b: "critical" } })).toEqual(["warning: a"]);
  });

  test("that was critical and cannot look any more stays critical", () => {
    const monitor = new Monitor();
    monitor.run({ hours: 0, checks: { a: "critical" } });
    expect(monitor.run({ hours: 3, checks: { a: "unknown" } })).toEqual([]);
    expect(monitor.run({ hours: 22, checks: { a: "unknown" } })).toEqual(["critical: (a)"]);
  });

  test("that comes and goes every three hours for a week is told a few times, not fifty", () => {
    const monitor = new Monitor();
    const told = Array.from({ length: 56 }, (_, run) =>
      monitor.run({ hours: 3 * run, checks: { a: run % 2 === 0 ? "warning" : "ok" } }),
    ).flat();
    expect(told.length).toBeLessThanOrEqual(16);
    expect(told.length).toBeGreaterThan(2);
  });

  test("that is gone from the table ends without a message and is named", () => {
    const monitor = new Monitor();
    monitor.run({ hours: 0, checks: { a: "critical", b: "ok" } });
    const { messages, vanished, after } = monitor.look({ hours: 3, checks: {} });
    expect([messages, vanished, after.checks]).toEqual([[], ["a"], {}]);
  });
});

test("what turns in one run is one message of each level, the new ones first", () => {
  const monitor = new Monitor();
  monitor.run({ hours: 0, checks: { a: "critical", b: "critical", c: "warning" } });
  const checks = { a: "critical", b: "ok", c: "ok", d: "critical", e: "warning", f: "unknown" } as const;
  expect(monitor.run({ hours: 22, checks })).toEqual(["critical: d (a)", "warning: e f", "good: b c"]);
});

test("what is well again is told where it was told that it was not, and ends the issue when nothing else is wrong", () => {
  const monitor = new Monitor();
  monitor.run({ hours: 0, checks: { a: "critical", b: "critical" }, by: ["slack", "issue"] });
  const first = monitor.look({ hours: 3, checks: { a: "ok", b: "critical" } }).messages[0];
  expect(first).toMatchObject({ level: "good", to: ["slack", "issue"], allWell: false });
  monitor.run({ hours: 3, checks: { a: "ok", b: "critical" } });
  expect(monitor.look({ hours: 6, checks: { a: "ok", b: "ok" } }).messages).toMatchObject([{ allWell: true }]);
});

describe("what is not confirmed", () => {
  test("is told again by the next run, good news as well", () => {
    const monitor = new Monitor();
    expect(monitor.run({ hours: 0, checks: { a: "critical" }, by: [] })).toEqual(["critical: a"]);
    expect(monitor.run({ hours: 3, checks: { a: "critical" } })).toEqual(["critical: a"]);
    expect(monitor.run({ hours: 6, checks: { a: "ok" }, by: [] })).toEqual(["good: a"]);
    expect(monitor.run({ hours: 9, checks: { a: "ok" } })).toEqual(["good: a"]);
    expect(monitor.run({ hours: 12, checks: { a: "ok" } })).toEqual([]);
  });

  test("is left to the run that is about to tell it for a quarter of an hour, and told by that run's next attempt", () => {
    const monitor = new Monitor();
    const { after } = monitor.look({ hours: 0, checks: { a: "critical" }, run: "1/1" });
    monitor.keep(after);
    expect(monitor.look({ hours: 0.1, checks: { a: "critical" }, run: "2/1" }).messages).toEqual([]);
    expect(monitor.look({ hours: 0.1, checks: { a: "critical" }, run: "1/1" }).messages.map(words)).toEqual([
      "critical: a",
    ]);
    expect(monitor.look({ hours: 0.3, checks: { a: "critical" }, run: "2/1" }).messages.map(words)).toEqual([
      "critical: a",
    ]);
  });
});

describe("a silence", () => {
  const until = (day: string): Silence[] => [{ check: "a", until: day, reason: "The owner has ordered more disk." }];

  test("keeps a check out of messages until its last day is over, and then it is told if it is still bad", () => {
    const monitor = new Monitor();
    monitor.run({ hours: 0, checks: { a: "warning" } });
    expect(monitor.run({ hours: 3, checks: { a: "critical" }, silences: until("2026-11-03") })).toEqual([]);
    expect(monitor.run({ hours: 62, checks: { a: "warning" }, silences: until("2026-11-03") })).toEqual([]);
    expect(monitor.run({ hours: 63, checks: { a: "warning" }, silences: until("2026-11-03"), by: [] })).toEqual([
      "warning: a",
    ]);
    expect(monitor.run({ hours: 66, checks: { a: "warning" } })).toEqual(["warning: a"]);
    expect(monitor.run({ hours: 69, checks: { a: "warning" } })).toEqual([]);
  });

  test("of another check, or of one that is well, changes nothing", () => {
    const monitor = new Monitor();
    expect(monitor.run({ hours: 0, checks: { a: "ok", b: "critical" }, silences: until("2026-11-03") })).toEqual([
      "critical: b",
    ]);
  });

  test("until a day that is further away than any may be is none yet", () => {
    expect(silenceOf(until("2099-01-01"), "a", at(0))).toBeUndefined();
    expect(silenceOf(until("2026-12-02"), "a", at(0))).toBeUndefined();
    expect(silenceOf(until("2026-12-01"), "a", at(0))).toMatchObject({ until: "2026-12-01" });
    expect(silenceOf(until("2026-10-31"), "a", at(0))).toBeUndefined();
  });
});

describe("a state", () => {
  test("that is damaged, of another version, or not ours counts as none", () => {
    const good = encodeState(noState);
    expect(parseState(good)).toEqual(noState);
    const others = [
      good.slice(0, -3),
      good.replace("monitor/1", "monitor/2"),
      good.replace('"summary"', '"resume"'),
      "[]",
      "",
    ];
    for (const other of others) expect(parseState(other), other).toBeUndefined();
  });

  test("from a clock that went ahead keeps nobody from being told", () => {
    const monitor = new Monitor();
    monitor.run({ hours: 1000, checks: { a: "critical" } });
    expect(monitor.run({ hours: 0, checks: { a: "critical" } })).toEqual(["critical: (a)"]);
    expect(monitor.state.checks["a"]?.since).toBe(at(0).toISOString());
    const { after } = monitor.look({ hours: 1000, checks: { b: "critical" } });
    monitor.keep(after);
    expect(monitor.look({ hours: 0, checks: { b: "critical" }, run: "0/1" }).messages).toHaveLength(1);
  });

  test("keeps the last value of each day for 400 days, and a check that is gone until its values are too old", () => {
    let state = noState;
    const measured = (value: number): CheckResult => ({
      ...result("a", "ok"),
      measure: { value, limit: null, unit: "bytes" },
    });
    for (let hours = 0; hours < 500 * 24; hours += 12)
      state = advance(state, [measured(hours)], { now: at(hours), run: "1/1", silences: [], unknownHours: 24 }).after;
    expect(state.history["a"]).toHaveLength(400);
    expect(state.history["a"]?.at(-1)).toEqual({ day: "2028-03-14", value: 499 * 24 + 12 });
    expect(encodeState(state).length).toBeLessThan(25_000);
    const gone = advance(state, [], { now: at(800 * 24), run: "1/1", silences: [], unknownHours: 24 }).after;
    expect(gone.history["a"]).toHaveLength(99);
  });
});

describe("the day's summary", () => {
  const claim = (state: MonitorState, hours: number, run = "1/1", hour: number | null = 9) =>
    claimSummary(state, { now: at(hours), run, hour });

  test("is one run's after its hour, and another's when that one reached nobody or never said so", () => {
    expect(claim(noState, -0.1).due).toBe(false);
    expect(claim(noState, 0, "1/1", null).due).toBe(false);
    const { state, due } = claim(noState, 0);
    expect(due).toBe(true);
    expect(claim(state, 0.1, "2/1").due).toBe(false);
    expect(claim(state, 0.3, "2/1").due).toBe(true);
    const heard = (told: readonly ChannelName[]) =>
      confirmed(state, { confirmations: [], summary: { told, untold: [] }, now: at(0) });
    expect(claim(heard([]), 0.1, "2/1").due).toBe(true);
    expect(claim(heard(["slack"]), 3, "2/1").due).toBe(false);
    expect(claim(heard(["slack"]), 24, "2/1").due).toBe(true);
  });
});

describe("a channel that takes nothing", () => {
  const silent = [{ told: [], untold: [{ channel: "email", reason: "smtp_550" }] }] as const;

  test("is named with since when, and critical after a day or when it is the only one", () => {
    const first = unreachedAfter({}, silent, at(0), "message");
    const later = unreachedAfter(first, silent, at(23), "trial");
    const state = (hours: number, set: readonly ChannelName[]) => judgeChannels(later, set, at(hours));
    expect(state(23, ["slack", "email"])).toMatchObject({
      state: "warning",
      found: expect.stringContaining("2026-11-01"),
    });
    expect(state(24, ["slack", "email"]).state).toBe("critical");
    expect(state(23, ["email"]).state).toBe("critical");
    expect(state(23, ["slack"]).state).toBe("ok");
    expect(judgeChannels({}, [], at(0)).state).toBe("critical");
  });

  test("for messages is not well because its account lets us in", () => {
    const told = [{ told: ["email"], untold: [] }] as const;
    const refused = unreachedAfter({}, silent, at(0), "message");
    expect(Object.keys(unreachedAfter(refused, told, at(3), "trial"))).toEqual(["email"]);
    expect(unreachedAfter(refused, told, at(3), "message")).toEqual({});
    expect(unreachedAfter(unreachedAfter({}, silent, at(0), "trial"), told, at(3), "trial")).toEqual({});
  });
});

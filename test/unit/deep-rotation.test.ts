import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readShare } from "../../actions/lib/operations/verify/files/page.ts";
import { planDeepReads, quarterDays, type Rotation } from "../../actions/lib/policy/deep-rotation.ts";
import { judgeDeepReads } from "../../actions/lib/policy/monitor/vault.ts";
import { parseCron } from "../../actions/lib/policy/schedule.ts";

const day = 86_400_000;
const begin = Date.parse("2026-01-01T04:00:00Z");
const vault = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `packs/${index}.tar.pgp`, bytes: 1000 + (index % 7) * 300 }));

/** Runs on the given days; when each object was read. */
function run(objects: ReturnType<typeof vault>, days: readonly number[], share?: number): Map<string, number[]> {
  let last: Rotation | undefined;
  const readOn = new Map<string, number[]>(objects.map(({ key }) => [key, []]));
  for (const on of days) {
    const plan = planDeepReads(objects, last, new Date(begin + on * day), share);
    for (const { key } of plan.read) readOn.get(key)?.push(on);
    last = plan.next;
  }
  return readOn;
}

describe("everything is read within a quarter", () => {
  const schedules: [string, number[]][] = [
    ["daily", Array.from({ length: 366 }, (_, on) => on)],
    ["weekly", Array.from({ length: 53 }, (_, week) => week * 7)],
    ["monthly", Array.from({ length: 13 }, (_, month) => month * 30)],
    ["daily, with a month missed", Array.from({ length: 366 }, (_, on) => on).filter((on) => on < 100 || on > 130)],
  ];
  test.each(schedules)("%s", (_, days) => {
    for (const on of run(vault(997), days).values()) {
      const gaps = [...on, days.at(-1) ?? 0].map((each, index) => each - (on[index - 1] ?? 0));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(quarterDays);
    }
  });
});

describe("the workflow restore-test opens everything within a quarter", () => {
  const url = new URL("../../.github/workflows/restore-test.yml", import.meta.url);
  const { on, jobs } = parse(readFileSync(url, "utf8"));
  const step = jobs.test.steps.find(({ uses }: { uses?: string }) => uses === "./actions/verify-backup");
  const crons = on.schedule.map(({ cron }: { cron: string }) => parseCron(cron)) as ReturnType<typeof parseCron>[];
  const starts = Array.from({ length: 730 }, (_, after) => begin + after * day).filter((at) => {
    const date = new Date(at);
    return crons.some((cron) => cron.runsOn(date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay()));
  });

  /** All that the monitor says from the first run on, looking each day. */
  function said(runs: readonly number[]): Set<string> {
    const objects = vault(200);
    const found = new Set<string>();
    let last: Rotation | undefined;
    for (let at = runs[0] ?? 0; at < begin + 730 * day; at += day) {
      const now = new Date(at);
      if (runs.includes(at)) last = planDeepReads(objects, last, now, readShare(step.with.share)).next;
      found.add(judgeDeepReads(last, now).state);
    }
    return found;
  }

  test("and the monitor finds it well each day, also where GitHub leaves out one attempt of each month", () => {
    expect(step.with).toMatchObject({ files: "true", deep: "true" });
    expect(starts).toHaveLength(3 * 24);
    expect(said(starts)).toEqual(new Set(["ok"]));
    for (const left of [0, 1, 2])
      expect(said(starts.filter((_, index) => index % 3 !== left))).toEqual(new Set(["ok"]));
  });

  test("and when its runs stop, that is told first as a warning and then as critical", () => {
    expect(said(starts.slice(0, 12))).toEqual(new Set(["ok", "warning", "critical"]));
  });
});

test("none is read again before all the others have been", () => {
  const objects = vault(100);
  const order: string[] = [];
  let last: Rotation | undefined;
  for (let on = 0; on < 40; on++) {
    const plan = planDeepReads(objects, last, new Date(begin + on * day), 0.05);
    order.push(...plan.read.map(({ key }) => key));
    last = plan.next;
  }
  for (let from = 0; from + 100 <= order.length; from++) expect(new Set(order.slice(from, from + 100)).size).toBe(100);
});

test("a stated share is what is read, by bytes", () => {
  const { read, share } = planDeepReads(vault(1000), undefined, new Date(begin), 0.03);
  expect(share).toBeGreaterThanOrEqual(0.03);
  expect(share).toBeLessThan(0.032);
  expect(read.length).toBeGreaterThan(20);
});

test("all of it is read once when the share is all of it, and one object at least", () => {
  expect(planDeepReads(vault(50), undefined, new Date(begin), 1).read).toHaveLength(50);
  expect(planDeepReads(vault(50), undefined, new Date(begin), 0.0001).read).toHaveLength(1);
  expect(planDeepReads([], undefined, new Date(begin), 0.5)).toMatchObject({ read: [], share: 1 });
});

test("how long a round takes is known", () => {
  const objects = vault(10);
  const first = planDeepReads(objects, undefined, new Date(begin), 0.5);
  const second = planDeepReads(objects, first.next, new Date(begin + 100 * day), 1);
  expect(second.roundDays).toBeCloseTo(100);
  expect(second.next.lastRoundDays).toBeCloseTo(100);
  expect(second.next.roundBegan).toBe(new Date(begin + 100 * day).toISOString());
});

import { expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import type { Alert } from "../../actions/lib/notify/alert.ts";
import type { LossFacts } from "../../actions/lib/operations/recover/complete-loss/facts.ts";
import { watchPromise } from "../../actions/lib/operations/recover/complete-loss/promise.ts";
import type { LossWork } from "../../actions/lib/operations/recover/complete-loss/work.ts";
import type { Phase } from "../../actions/lib/operations/recover/phases.ts";
import qimma from "../../lifeboat.config.ts";
import { VirtualClock } from "../lab/virtual-clock.ts";

/** Phases that go on at their deadline must not use up the promise in silence. */

const begunAt = "2026-11-29T06:00:00.000Z";
const phases = [
  { name: "make the project", whenLate: "Look at the status page." },
  { name: "restore the set", whenLate: "Leave it alone." },
] as unknown as Phase<LossWork>[];

function scene(at: string, promise: LossFacts["promise"] = { decide: null, past: null }) {
  const clock = new VirtualClock(at);
  let facts = { request: { scenario: "complete-loss" }, promise };
  const told: { readonly turn: string; readonly at: string; readonly alert: Alert }[] = [];
  const work = {
    ...{ clock, log: silentLog, env: {}, facts: () => facts },
    context: { config: () => ({ policy: policySchema.parse(qimma) }) },
    state: {
      ...{ id: "20261129T060000Z-0badcafe", begunAt, times: [{ phase: "make the project" }] },
      note: async (more: object) => {
        facts = { ...facts, ...more };
      },
    },
  } as unknown as LossWork;
  const stop = new AbortController();
  const watch = (tell?: () => Promise<void>) =>
    watchPromise(work, phases, stop.signal, async (turn, alert) => {
      told.push({ turn, at: new Date(clock.now()).toISOString(), alert });
      await tell?.();
    });
  return { work, clock, stop, told, watch, noted: () => facts.promise };
}

test("people are told to decide when the phases' time is up, and at once when the promise is broken; both are noted", async () => {
  const { told, watch, noted } = scene(begunAt);
  await watch();
  expect(told.map(({ turn, at }) => [turn, at])).toEqual([
    ["decide", "2026-11-29T07:30:00.000Z"],
    ["past", "2026-11-29T08:00:00.000Z"],
  ]);
  const [decide, past] = told.map(({ alert }) => alert);
  expect([decide?.level, past?.level]).toEqual(["news", "critical"]);
  expect(decide?.sentence).toMatch(/2 h are promised, until 2026-11-29T08:00:00Z\. It is at "restore the set"\./);
  expect(past?.sentence).toContain("PAST THE PROMISE of 2 h");
  for (const choice of [
    "Let it go on",
    "Leave it alone.",
    "plain PostgreSQL",
    "lifeboat recover complete-loss --give-up",
  ])
    expect(past?.lines.join("\n")).toContain(choice);
  expect(noted()).toEqual({ decide: "2026-11-29T07:30:00.000Z", past: "2026-11-29T08:00:00.000Z" });
});

test("a run that takes it up later tells what nobody was told, and nothing twice", async () => {
  const late = scene("2026-11-29T09:00:00.000Z", { decide: "2026-11-29T07:30:00.000Z", past: null });
  await late.watch();
  expect(late.told.map(({ turn }) => turn)).toEqual(["past"]);
  const again = scene("2026-11-29T09:00:00.000Z", late.noted());
  await again.watch();
  expect(again.told).toEqual([]);
});

test("a run that takes it up after the promise is broken tells that alone", async () => {
  const late = scene("2026-11-29T09:00:00.000Z");
  await late.watch();
  expect(late.told.map(({ turn }) => turn)).toEqual(["past"]);
});

test("a recovery that is back in time tells nobody, and one whose channels break goes on", async () => {
  const early = scene(begunAt);
  const watching = early.watch();
  early.stop.abort();
  await watching;
  expect([early.told, early.noted()]).toEqual([[], { decide: null, past: null }]);
  const broken = scene(begunAt);
  await expect(broken.watch(() => Promise.reject(new Error("no channel")))).resolves.toBeUndefined();
  expect(broken.told.map(({ turn }) => turn)).toEqual(["decide", "past"]);
});

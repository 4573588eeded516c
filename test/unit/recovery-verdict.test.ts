import { expect, test } from "vitest";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import type { LossFacts, Restored } from "../../actions/lib/operations/recover/complete-loss/facts.ts";
import { handOver } from "../../actions/lib/operations/recover/complete-loss/hand-over.ts";
import { handOverPage, reportHandOver } from "../../actions/lib/operations/recover/complete-loss/page.ts";
import type { LossWork } from "../../actions/lib/operations/recover/complete-loss/work.ts";
import qimma from "../../lifeboat.config.ts";

/** What a hand-over may be called: `recovered` is said of a project in which nothing is missing, and nothing unknown. */

const files = { outcome: "equal", sentence: "All files.", count: 7, bytes: 700 };
const restored: Restored = {
  ...{ set: "20261129T021400Z-1a2b3c4d", tier: "daily", snapshotAt: "2026-11-29T02:14:00.000Z", outcome: "equal" },
  sentence: "Equal.",
  counts: { objects: 10, tables: 5, rows: "100", foreignKeysChecked: 3 },
  target: { kind: "supabase", serverVersion: "17.6" },
  differences: { failed: 0, expected: 0, unverified: 0 },
  wrong: [],
  ...{ files, switchedOff: [], byHand: [], passedOver: [] },
};
const counts = { carried: 9, already: 1, listed: 1, refused: 0 };
const facts: LossFacts = {
  request: {
    ...{ scenario: "complete-loss", set: "latest", target: null, projectName: null },
    ...{ region: null, production: null, migrations: null },
  },
  plan: {
    candidates: [{ tier: "daily", set: restored.set, why: "it is the newest", archived: false }],
    ...{ snapshotAt: restored.snapshotAt, databaseBytes: "1", withFiles: true, migrations: [], project: null },
  },
  ...{ password: null, asked: false, unpriced: false, ref: null, restored, fileRows: 7, switchedOn: [] },
  promise: { decide: null, past: null },
  migrated: { outcome: "current", why: null, applied: [], own: [], findings: [] },
  configuration: { why: null, counts, rows: [] },
  tried: [{ what: "login", outcome: "not tried", why: "it would call hooks" }],
  checks: [{ name: "people are there", kind: "sql", outcome: "passed", finding: "", seconds: 1 }],
};

async function handedOver(change: Partial<LossFacts>) {
  const now = { ...facts, ...change };
  const work = {
    facts: () => now,
    state: { id: "20261129T060000Z-0badcafe", begunAt: "2026-11-29T06:00:00.000Z", times: [], human: [] },
    clock: { now: () => Date.parse("2026-11-29T07:00:00.000Z") },
    context: { config: () => ({ policy: policySchema.parse({ ...qimma, recovery: {} }) }) },
    place: () => Promise.resolve({ ref: "abcdefghijklmnopqrst", url: "https://abcdefghijklmnopqrst.supabase.co" }),
  };
  return handOver(work as unknown as LossWork);
}

test("a project that is equal, with files, settings, migrations and checks, is recovered", async () =>
  expect(await handedOver({})).toMatchObject({ outcome: "recovered", wrong: [], unproven: [] }));

test("one that could not be asked whether it works is unproven", async () => {
  const tried = [
    { what: "login", outcome: "not tried" as const, why: "it could not be asked: the token may not look" },
  ];
  const over = await handedOver({ tried });
  expect(over).toMatchObject({ outcome: "unproven", wrong: [], unproven: [expect.stringContaining("login")] });
  expect(reportHandOver(over).failure?.code).toBe("recovery-unproven");
});

const without = { ...restored, files: null };
const plan = { ...facts.plan, withFiles: false };

test("one without files is recovered only where there are none", async () => {
  expect(await handedOver({ restored: without })).toMatchObject({
    outcome: "differs",
    wrong: [expect.stringMatching(/^7 files did not come back: no way to write them/)],
  });
  expect(await handedOver({ restored: without, plan })).toMatchObject({
    outcome: "differs",
    wrong: [expect.stringMatching(/^7 files did not come back: S3_STORAGE_BUCKET is not set/)],
  });
  expect(await handedOver({ restored: without, plan, fileRows: 0 })).toMatchObject({ outcome: "recovered" });
});

test.each<[string, Partial<LossFacts>]>([
  ["without its settings", { configuration: { why: "the set has none", counts, rows: [] } }],
  ["without checks of the application", { checks: [] }],
  [
    "with a schema that may not be today's",
    { migrated: { outcome: "doubtful", why: null, applied: [], own: [], findings: ["1.sql is another"] } },
  ],
])("one %s is unproven, and its exit code says so", async (_, change) => {
  const over = await handedOver(change);
  expect(over).toMatchObject({ outcome: "unproven", unproven: [expect.any(String)] });
  expect(reportHandOver(over)).toMatchObject({
    ...{ failure: { code: "recovery-unproven" }, outputs: { outcome: "unproven" } },
    page: { sentence: expect.stringContaining("UNPROVEN") },
  });
  expect(reportHandOver(await handedOver({})).failure).toBeUndefined();
});

test.each<[string, Partial<LossFacts>]>([
  ["with rows that differ", { restored: { ...restored, outcome: "differs" } }],
  ["with rows that nobody could compare", { restored: { ...restored, outcome: "unverified" } }],
  ["with a file that differs", { restored: { ...restored, files: { ...files, outcome: "differs" } } }],
  ["with a setting that was refused", { configuration: { why: null, counts: { ...counts, refused: 1 }, rows: [] } }],
  [
    "with a function that does not start",
    { tried: [{ what: "function grade", outcome: "failed", why: "it does not start (BOOT_ERROR)" }] },
  ],
  [
    "with a check that did not answer",
    { checks: [{ name: "x", kind: "sql", outcome: "timed-out", finding: "", seconds: 1 }] },
  ],
])("one %s is neither recovered nor unproven", async (_, change) =>
  expect(await handedOver(change)).toMatchObject({ outcome: "differs", wrong: [expect.any(String)] }),
);

test("one that took longer than is promised says so", async () => {
  const { promise, ...over } = await handedOver({});
  expect(promise).toEqual({ rtoMinutes: 120, met: true });
  expect(handOverPage({ ...over, promise: { rtoMinutes: 30, met: false } }).sentence).toContain(
    "PAST THE PROMISE of 30 min",
  );
});

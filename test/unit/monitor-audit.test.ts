import { beforeAll, expect, test } from "vitest";
import { judgeTrail, walkFrom } from "../../actions/lib/operations/monitor/backups/audit-check.ts";
import type { Finding } from "../../actions/lib/policy/monitor/check.ts";
import { verifyTrail } from "../../actions/lib/vault/audit/verify.ts";
import { draftOf, layDown, makeTrail, type Trail } from "../faults/audit/trail.ts";

/** What the monitor says of the newest part of the audit trail. Entries of a trail are half an hour apart, from the first of January on. */

let trail: Trail;
let heads: { readonly count: number; readonly sha256: string; readonly at: string }[];
const at = (entry: number): Date => new Date(Date.UTC(2026, 0, 1) + (entry - 1) * 1_800_000);

beforeAll(async () => {
  const made = await makeTrail(240, async () => "none");
  trail = made.trail;
  heads = made.anchors.map((one) => ({ ...one, at: at(one.count).toISOString() }));
});

/** Only what a look reads is there. */
async function look(some: Trail, now = at(240), told = heads): Promise<Finding & { from: number }> {
  const end = Math.max(0, ...some.keys());
  const from = walkFrom(told, end, now);
  const read = new Map([...some].filter(([number]) => number >= from));
  const anchors = told.filter(({ count }) => count >= from);
  return { ...judgeTrail({ alarms: [] }, await verifyTrail(read, anchors, undefined, from), from, now), from };
}

test("the walk begins at a head of two days ago, and finds what has come since whole", async () => {
  const found = await look(trail);
  expect(found).toMatchObject({ state: "ok", from: 144 });
  expect(found.found).toMatch(/whole from entry 144 to 240; as 49 committed heads/);
});

test("it never walks more than a thousand entries, however few heads were told", () => {
  expect(walkFrom([], 5000, at(240))).toBe(4001);
  expect(walkFrom(heads.slice(0, 1), 5000, at(240))).toBe(4001);
});

test.each([
  ["is gone", 200, (some: Map<number, Uint8Array>) => some.delete(200), "missing"],
  ["was changed", 201, (some: Map<number, Uint8Array>) => some.set(201, Buffer.from("{}")), "not what was written"],
  ["was the end", 239, (some: Map<number, Uint8Array>) => some.delete(239) && some.delete(240), "missing"],
])("an entry that %s is named", async (_, number, change, word) => {
  const some = new Map(trail);
  change(some);
  const found = await look(some);
  expect(found.state).toBe("critical");
  expect(found.found).toContain(`Entry ${number} of the audit trail is ${word}`);
});

test("a trail that was deleted, or cut to before the walk, is missing what was told", async () => {
  expect(await look(new Map())).toMatchObject({ state: "critical", found: expect.stringContaining("Entry 1 ") });
  const cut = new Map([...trail].filter(([number]) => number <= 20));
  expect(await look(cut)).toMatchObject({ state: "critical", found: expect.stringContaining("Entry 21 ") });
});

test("a trail that somebody wrote anew from the middle on, with the true key, is false at the next head", async () => {
  const forged = new Map(trail);
  let head = { count: 220, sha256: heads.find(({ count }) => count === 220)?.sha256 ?? null };
  for (let index = 220; index < 240; index++)
    head = await layDown(forged, draftOf(index, "weekly"), head, async () => "none");
  expect(await look(forged)).toMatchObject({
    state: "critical",
    found: expect.stringMatching(/^Entry 222 .*not what was written/),
  });
});

test("a begin without an end is told when the longest job must have ended", async () => {
  const some = new Map(trail);
  await layDown(some, draftOf(240), { count: 240, sha256: heads.at(-1)?.sha256 ?? null }, async () => "none");
  expect(await look(some, at(242))).toMatchObject({ state: "ok" });
  expect(await look(some, at(270))).toMatchObject({
    state: "warning",
    found: expect.stringMatching(/^Entry 241 of the audit trail begins 'backup', which has not ended/),
  });
});

import { expect, test } from "vitest";
import { type AnswerFacts, answerOf } from "../../actions/lib/operations/erase/answer.ts";

const tier = (retentionDays: number) => ({ retentionDays, lock: "governance" as const });
const facts: AnswerFacts = {
  ...{ kept: [], live: true, files: 0, replicaDays: null, held: [] },
  sets: [
    { tier: "daily", set: "20260301T000000Z-00000001" },
    { tier: "monthly", set: "20260201T000000Z-00000002" },
  ],
  tiers: { daily: tier(30), weekly: tier(90), monthly: tier(365) },
};
const told = (change: Partial<AnswerFacts>) => answerOf({ ...facts, ...change }).join(" ");

test("the person is told the last day of the sets that are there, in the replica too", () => {
  expect(told({})).toMatch(/erased from our database\..*until (1 February 2027|2027-02-01), when the term/);
  expect(told({ replicaDays: 7 })).toMatch(/until (8 February 2027|2027-02-08), when the term/);
  expect(told({ sets: [] })).toContain("no backups of the database");
});

test("nothing is said to be gone that is not: the database in use, and files", () => {
  expect(told({ live: false })).not.toContain("was erased");
  expect(told({ files: 3 })).toContain("3 files of yours are removed from our file storage apart from this");
  expect(told({})).not.toContain("file");
});

test("what stays is told with its reason, each once, and what a dispute keeps", () => {
  const because = "Art. 17(3)(b) GDPR";
  const kept = [2, 1, 0].map((rows) => ({ table: "public.t", rows, because: rows === 0 ? "another" : because }));
  expect(answerOf({ ...facts, kept }).filter((line) => line.includes(because))).toHaveLength(1);
  expect(told({ kept })).not.toContain("another");
  expect(told({ held: ["20260301T000000Z-00000001"] })).toContain("legal dispute");
});

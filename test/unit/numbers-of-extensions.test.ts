import { expect, test } from "vitest";
import { type ContentFacts, compareContents } from "../../actions/lib/compare/contents.ts";
import { comparisonPlan } from "../../actions/lib/operations/prove/plan-rows.ts";
import type { DataPlan } from "../../actions/lib/operations/restore/plan/plan-data.ts";
import type { Inventory, TableContent } from "../../actions/lib/postgres/inventory/model.ts";

/** pg_net's queue, whose rows stay in the set: empty at the source, which has sent twelve requests, and empty here. */
const queue = { schema: "net", name: "http_request_queue" };
const numbers = { schema: "net", name: "http_request_queue_id_seq", isCalled: true, countsFor: queue };
const table = { ...queue, columns: ["id"] } as unknown as TableContent;
const source = {
  ...{ tables: [], objects: [], materializedViews: [], largeObjects: [] },
  sequences: [{ ...numbers, lastValue: "12" }],
} as unknown as Inventory;

function differences(of: { readonly sameProject: boolean; readonly expected: boolean }) {
  const left = [{ table, why: "requests that wait", expected: of.expected }];
  const planned: DataPlan = { loads: new Map(), left, missingColumns: [], cronJobs: undefined };
  const plan = comparisonPlan(planned, new Set(["net.http_request_queue"]), new Map(), of.sameProject);
  const facts = {
    ...{ measured: new Map(), left: new Map(), instead: new Map(), roots: new Map(), views: new Map() },
    ...{ viewsRead: new Map(), viewFailures: new Map(), sequenceFailures: new Map(), largeObjects: new Map() },
    sequences: [{ ...numbers, lastValue: "1", isCalled: false }],
    neverBrought: plan.neverBrought ?? new Set(),
    ...{ isPlatforms: () => true, isUnavailable: () => false },
  } as unknown as ContentFacts;
  return compareContents(source, facts).map(({ kind, identity, verdict }) => `${verdict}: ${kind} ${identity}`);
}

test("numbers of a table that no restore brings are a copy's own", () => {
  expect(differences({ sameProject: false, expected: true })).toEqual([]);
});

test("they are damage in the project itself, and where the rows should have come", () => {
  const damaged = ["failed: sequence net.http_request_queue_id_seq"];
  expect(differences({ sameProject: true, expected: true })).toEqual(damaged);
  expect(differences({ sameProject: false, expected: false })).toEqual(damaged);
});

import { expect, test } from "vitest";
import { type ContentFacts, compareContents } from "../../actions/lib/compare/contents.ts";
import type { Fingerprint, Inventory } from "../../actions/lib/postgres/inventory/model.ts";

const [old, current, other]: readonly Fingerprint[] = ["1", "2", "3"].map((hash) => ({ rows: "5", hash }));
const name = { schema: "public", name: "totals", populated: true };

interface Held {
  readonly stored: Fingerprint | null | undefined;
  readonly fresh: Fingerprint | null | undefined;
}

/** What is said of a view that held `then` at the source, and holds `here` in the copy. */
function said(then: Held, here: Held | undefined, more: Partial<ContentFacts> = {}) {
  const source = {
    ...{ tables: [], objects: [], sequences: [], largeObjects: [] },
    materializedViews: [{ ...name, ...then }],
  } as unknown as Inventory;
  const facts = {
    ...{ measured: new Map(), left: new Map(), instead: new Map(), roots: new Map(), sequences: [] },
    ...{ viewsRead: new Map(), viewFailures: new Map(), sequenceFailures: new Map(), largeObjects: new Map() },
    views: new Map(here === undefined ? [] : [["public.totals", { ...name, ...here }]]),
    ...more,
  } as unknown as ContentFacts;
  return compareContents(source, facts).map(({ verdict, detail }) => `${verdict}: ${detail}`);
}

test("a view is equal when it holds what it held, and stale at the source when it holds what its query gave there", () => {
  expect(said({ stored: old, fresh: old }, { stored: old, fresh: old })).toEqual([]);
  expect(said({ stored: old, fresh: current }, { stored: current, fresh: current })).toEqual([
    "expected: was stale at the source (5 rows then, 5 now)",
  ]);
});

test("a view that is not filled has failed", () => {
  expect(said({ stored: old, fresh: old }, undefined)).toEqual(["failed: is not filled"]);
});

test("a view of which nobody could ask is not verified, whatever it holds", () => {
  expect(said({ stored: old, fresh: null }, { stored: current, fresh: current })).toEqual([
    "unverified: holds other rows than at the source",
  ]);
  expect(said({ stored: null, fresh: null }, { stored: current, fresh: current })).toEqual([
    "unverified: what it held at the source is not known",
  ]);
});

test("a view that holds what nobody can explain is not verified; where people were erased, what its query gives is", () => {
  expect(said({ stored: old, fresh: current }, { stored: other, fresh: other })).toEqual([
    "unverified: holds neither what it held nor what its query gave at the source",
  ]);
  const erased = new Set(["public.people"]);
  expect(said({ stored: old, fresh: current }, { stored: other, fresh: other }, { erased })).toEqual([
    "expected: holds other rows than at the source",
  ]);
});

import { describe, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { type ChoiceFacts, chooseSet } from "../../actions/lib/operations/test-restore/select-set.ts";
import type { Marker } from "../../actions/lib/operations/test-restore/staging/marker.ts";
import {
  admitMarker,
  admitOther,
  admitRefs,
  type RefFacts,
} from "../../actions/lib/operations/test-restore/staging/staging.ts";
import { admitRoom } from "../../actions/lib/operations/test-restore/test-set.ts";
import type { SetName } from "../../actions/lib/vault/sets/catalogue.ts";

const turns: ChoiceFacts["turns"] = ["newest", "older", "newest", "archive"];
const sets: SetName[] = [
  { tier: "daily", set: "d3" },
  { tier: "monthly", set: "m2" },
  { tier: "daily", set: "d2" },
  { tier: "weekly", set: "w1" },
  { tier: "monthly", set: "m1" },
];
const proof = (
  set: string,
  turn: "newest" | "older" | "archive" | "named",
  outcome: "proven" | "failed" = "proven",
) => ({
  ...{ set, turn, outcome },
  finishedAt: `2026-11-${String(10 + set.charCodeAt(1) - 48)}T00:00:00Z`,
});

describe("which set a restore test takes", () => {
  test.each([
    ["the newest at first, and no archive for it", [], "d3", "newest"],
    ["then an older one that was never proven, the oldest of them", [proof("d3", "newest")], "w1", "older"],
    ["the newest again", [proof("d3", "newest"), proof("w1", "older")], "d3", "newest"],
    [
      "then an archive, the newest of the unproven",
      [proof("d3", "newest"), proof("w1", "older"), proof("d3", "newest")],
      "m2",
      "archive",
    ],
    ["a test that failed has had its turn", [proof("d3", "newest", "failed")], "w1", "older"],
    ["a named test has not", [proof("d3", "newest"), proof("m1", "named")], "w1", "older"],
  ] as const)("%s", (_name, proofs, set, turn) => {
    expect(chooseSet({ sets, proofs, turns })).toMatchObject({ set, turn });
  });

  test("among proven ones that whose proof is oldest", () => {
    const proofs = [proof("d2", "named"), proof("w1", "named"), proof("d3", "newest")];
    expect(chooseSet({ sets, proofs, turns })).toMatchObject({ set: "w1", turn: "older" });
  });

  test("the newest where there is nothing for a turn, and says so; an archive where there is nothing else", () => {
    const lone = chooseSet({ sets: sets.slice(0, 1), proofs: [proof("d3", "newest")], turns });
    expect(lone).toMatchObject({ set: "d3", turn: "older", why: expect.stringContaining("there is none") });
    expect(chooseSet({ sets: sets.slice(1, 2), proofs: [], turns })).toMatchObject({ set: "m2" });
    expect(chooseSet({ sets: [], proofs: [], turns })).toBeUndefined();
  });
});

const pooler = (ref: string) =>
  parseConnectionUrl(`postgresql://postgres.${ref}:x@aws-0-us-east-1.pooler.supabase.com:5432/postgres`);
const direct = (ref: string) => parseConnectionUrl(`postgresql://postgres:x@db.${ref}.supabase.co:5432/postgres`);
const facts = (change: Partial<RefFacts> = {}): RefFacts => ({
  ...{ policyRef: "stagingref", targetName: "staging", targetRef: "stagingref", target: pooler("stagingref") },
  ...{ productionRef: "prodref", production: pooler("prodref"), ...change },
});

describe("the gates before staging is touched", () => {
  test("staging and production behind one pooler are told apart by their refs", () => {
    expect(admitRefs(facts())).toBe("stagingref");
  });

  test.each([
    ["no ref in the policy", { policyRef: null }, "staging-unset"],
    ["another ref in the environment", { targetRef: "other" }, "staging-ref-differs"],
    ["a connection string of another project, pooled", { target: pooler("prodref") }, "staging-ref-differs"],
    ["a connection string of another project, direct", { target: direct("prodref") }, "staging-ref-differs"],
    ["production's own ref", { productionRef: "stagingref" }, "staging-is-production"],
    [
      "production's connection string",
      { production: direct("stagingref"), productionRef: null },
      "staging-is-production",
    ],
    [
      "one server and database under both names",
      {
        target: parseConnectionUrl("postgresql://a:x@127.0.0.1:5432/x"),
        production: parseConnectionUrl("postgresql://b:x@127.0.0.1:5432/x"),
      },
      "staging-is-production",
    ],
  ] as const)("%s is refused", (_name, change, code) => {
    expect(() => admitRefs(facts(change))).toThrow(expect.objectContaining({ code }));
  });

  test("what both databases say counts more than addresses, and a copied marker does not count", () => {
    const here = { systemIdentifier: "7", database: "postgres" };
    expect(() => admitOther(true)).toThrow(expect.objectContaining({ code: "staging-is-production" }));
    expect(() => admitOther(undefined)).toThrow(expect.objectContaining({ code: "staging-unknown" }));
    expect(() => admitOther(false)).not.toThrow();
    const marker: Marker = {
      ...{ projectRef: "stagingref", identity: here, markedAt: new Date(), state: "empty", set: null, keepUntil: null },
      ...{ left: null, ageSeconds: 0 },
    };
    expect(admitMarker(marker, "stagingref", here)).toBe(marker);
    expect(() => admitMarker(undefined, "stagingref", here)).toThrow(
      expect.objectContaining({ code: "staging-unmarked" }),
    );
    for (const other of [
      { ...here, systemIdentifier: "8" },
      { ...here, database: "copy" },
    ]) {
      expect(() => admitMarker(marker, "stagingref", other)).toThrow(
        expect.objectContaining({ code: "staging-marker-differs" }),
      );
    }
  });

  test("room: the plan's limit and the disk's count, and what a reset gives back", () => {
    const room = { availableBytes: 1e9, diskBytes: 8e9, freePlan: false };
    expect(() => admitRoom(room, 700_000_000n, 0n)).not.toThrow();
    expect(() => admitRoom(room, 900_000_000n, 0n)).toThrow(expect.objectContaining({ code: "staging-too-small" }));
    expect(() => admitRoom(room, 900_000_000n, 900_000_000n)).not.toThrow();
    expect(() => admitRoom({ ...room, freePlan: true }, 700_000_000n, 0n)).toThrow(/free plan/);
  });
});

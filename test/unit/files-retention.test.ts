import { describe, expect, test } from "vitest";
import { compactionThatPays, planCompaction } from "../../actions/lib/policy/compaction.ts";
import { type KeptObject, planFiles } from "../../actions/lib/policy/files-retention.ts";
import type { NamingSnapshot } from "../../actions/lib/policy/names.ts";
import type { RetentionBounds, RetentionFacts } from "../../actions/lib/policy/retention.ts";

const now = new Date("2026-11-22T12:00:00Z");
const day = 86_400_000;
const terms = { daily: 30, weekly: 84, monthly: 2557 };

/** A snapshot so many days old. */
function snapshot(age: number, names: readonly string[], tier: NamingSnapshot["tier"] = "daily"): NamingSnapshot {
  const snapshotAt = new Date(now.getTime() - age * day).toISOString();
  return { set: setOf(age), tier, snapshotAt, names: new Set(names) };
}

function setOf(age: number): string {
  const time = new Date(now.getTime() - age * day).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-0000000${age % 10}`;
}

const pack = (age: number, number = 1): string => `packs/${setOf(age)}/0000${number}.tar.zst.pgp`;
const object = (key: string, age: number) => ({ key, bytes: 100, lastModified: new Date(now.getTime() - age * day) });

interface Given {
  readonly snapshots?: readonly NamingSnapshot[];
  readonly objects?: readonly KeptObject[];
  readonly bounds?: Partial<RetentionBounds>;
  readonly stop?: string;
  readonly now?: Date;
}

function plan({ snapshots = [], objects = [], bounds = {}, stop, now: then = now }: Given) {
  const subjects = snapshots.map(({ set, tier, snapshotAt }) => ({
    ...{ set, tier, at: Date.parse(snapshotAt), state: "trusted" as const, verified: true, provenAt: null },
    ...{ marked: false, paidUntil: null, lockedUntil: null },
  }));
  const facts: RetentionFacts = {
    ...{ subjects, terms, bounds: { keepNewest: 2, staleDays: 7, staleProofDays: null, ...bounds } },
    ...{ needed: new Map(), lastProof: null, stop: stop ?? null, now: then.getTime() },
  };
  return planFiles(facts, snapshots, objects);
}

describe("retention of snapshots", () => {
  const objects = [object(pack(40), 40), object(pack(35), 35), object(pack(1), 1)];
  const snapshots = [snapshot(0, [pack(35), pack(1)]), snapshot(1, [pack(1)]), snapshot(35, [pack(35), pack(40)])];

  test("what its tier no longer keeps goes, with what only it names", () => {
    const { go, stay, unnamed, unnamedBytes, heldBack } = plan({ snapshots, objects });
    expect(go).toEqual([setOf(35)]);
    expect(stay.map(({ set }) => set)).toEqual([setOf(0), setOf(1)]);
    expect(unnamed.map(({ key }) => key)).toEqual([pack(40)]);
    expect(unnamedBytes).toBe(100);
    expect(heldBack).toBeNull();
  });

  test("each tier has its own time", () => {
    const old = [snapshot(0, []), snapshot(1, []), snapshot(40, [], "weekly"), snapshot(90, [], "weekly")];
    expect(plan({ snapshots: [...old, snapshot(400, [], "monthly")] }).go).toEqual([setOf(90)]);
  });

  test("the newest stay whatever their age, and say so", () => {
    const { go, stay } = plan({
      snapshots: [snapshot(100, []), snapshot(200, []), snapshot(300, [])],
      bounds: { staleDays: 1000 },
    });
    expect(go).toEqual([setOf(300)]);
    expect(stay).toEqual([
      { set: setOf(100), until: null },
      { set: setOf(200), until: null },
    ]);
  });

  test.each<[string, Given, RegExp]>([
    ["something was hidden", { stop: "packs/x was hidden, and not by Lifeboat" }, /not by Lifeboat/],
    ["syncs are failing", { now: new Date(now.getTime() + 10 * day) }, /10 days old/],
    ["there is no snapshot", { snapshots: [] }, /no verified set/],
  ])("nothing goes while %s", (_, change, why) => {
    const { go, unnamed, heldBack } = plan({ snapshots, objects, ...change });
    expect(go).toEqual([]);
    expect(unnamed).toEqual([]);
    expect(heldBack).toMatch(why);
  });

  test("what a killed run left stays until the next snapshot has taken of it what it needs, or for a week", () => {
    const killed = { before: pack(2), after: pack(0, 7).replace(setOf(0), `${setOf(0).slice(0, 16)}-ffffffff`) };
    const left = [object(killed.before, 2), object(killed.after, 0)];
    expect(plan({ snapshots, objects: left }).unnamed.map(({ key }) => key)).toEqual([killed.before]);
    const later = left.map((one) => ({ ...one, lastModified: new Date(now.getTime() - 8 * day) }));
    expect(plan({ snapshots, objects: later }).unnamed).toHaveLength(2);
  });

  test("what nobody knows is left alone: foreign objects, leases, and what lies in a snapshot's own folder", () => {
    const foreign = ["packs/readme.txt", "leases/sync-storage.json", `snapshots/${setOf(0)}/new-kind.json`];
    expect(plan({ snapshots, objects: foreign.map((key) => object(key, 100)) }).unnamed).toEqual([]);
    const journal = `snapshots/${setOf(0)}/journal/00001.ndjson.zst.pgp`;
    expect(plan({ snapshots, objects: [object(journal, 0)] }).unnamed).toHaveLength(1);
  });
});

describe("compaction", () => {
  const use = (key: string, livingBytes: number) => ({ key, plainBytes: 1e6, livingFiles: 0, livingBytes });
  const policy = { compactBelowShare: 0.5, compactBytesPerRun: 600_000 };

  test("takes packs that are emptier than the policy's share, emptiest first, as far as its bytes reach", () => {
    const { packs, bytes } = planCompaction(
      [use("packs/a", 4e5), use("packs/b", 5e5), use("packs/c", 1e5), use("packs/d", 2e5), use("packs/e", 1e6)],
      policy,
    );
    expect([...packs]).toEqual(["packs/c", "packs/d"]);
    expect(bytes).toBe(300_000);
  });

  test("never takes large files, and nothing when it is switched off", () => {
    expect(planCompaction([use("files/a", 1)], policy).packs.size).toBe(0);
    expect(planCompaction([use("packs/a", 1)], { ...policy, compactBelowShare: 0 }).packs.size).toBe(0);
  });

  test("never takes a pack in which all live, however small its files are", () => {
    const empty = { key: "packs/a", plainBytes: 4096 * 512, livingFiles: 4096, livingBytes: 0 };
    const tiny = { key: "packs/b", plainBytes: 4096 * 1024, livingFiles: 4096, livingBytes: 4096 };
    expect(planCompaction([empty, tiny], policy).packs.size).toBe(0);
  });

  test("takes fewer packs the longer snapshots are kept: what it copies is in the vault twice until then", () => {
    const of = (longest: number) => ({ daily: { retentionDays: 30 }, monthly: { retentionDays: longest } });
    expect(compactionThatPays(policy, of(84)).compactBelowShare).toBe(0.5);
    expect(compactionThatPays(policy, of(900)).compactBelowShare).toBeCloseTo(0.05);
  });
});

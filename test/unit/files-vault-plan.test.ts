import { describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { paidUntil } from "../../actions/lib/operations/retention/paid.ts";
import { planFilesVault } from "../../actions/lib/operations/retention/plan-files.ts";
import type { FilesSurvey, SurveyedSnapshot } from "../../actions/lib/operations/retention/survey.ts";
import type { RetentionTools } from "../../actions/lib/operations/retention/tools.ts";
import { NameIndex } from "../../actions/lib/policy/names.ts";
import own from "../../lifeboat.config.ts";

/** What of the files' vault goes, by what is known of it and of the sets beside it. */

const day = 86_400_000;
const now = Date.parse("2026-11-29T12:00:00Z");
const policy = policySchema.parse(own);
const index = new NameIndex();
const idOf = (age: number): string =>
  `${new Date(now - age * day).toISOString().replaceAll(/[-:]|\.\d+/g, "")}-0000000a`;
const packOf = (age: number): string => `packs/${idOf(age)}/00001.tar.zst.pgp`;

function snapshot(age: number, change: Partial<SurveyedSnapshot> = {}): SurveyedSnapshot {
  const at = new Date(now - age * day).toISOString();
  return {
    ...{ set: idOf(age), tier: "daily", snapshotAt: at, finishedAt: at, names: index.of([packOf(age)]) },
    ...{ databaseSet: null, terms: { daily: 30, weekly: 84, monthly: 2557 }, verified: true, marked: false },
    ...{ storedAt: now - age * day, ...change },
  };
}

const bytes = { bytes: 1, versionId: "1", state: "as written" as const };
const written = (key: string, age: number) => ({ key, ...bytes, lastModified: new Date(now - age * day) });

function plan(
  snapshots: readonly SurveyedSnapshot[],
  sets: ReadonlySet<string> | null,
  more: Partial<FilesSurvey> = {},
) {
  const survey = {
    ...{ snapshots, unreadable: [], meddled: [], gone: [], alarms: [] },
    objects: snapshots.map(({ set, snapshotAt }) =>
      written(`packs/${set}/00001.tar.zst.pgp`, (now - Date.parse(snapshotAt)) / day),
    ),
    ...more,
  };
  const tools = {
    ...{ policy, now, longer: 0, stop: null, log: silentLog },
    holds: { neededOf: () => new Map<string, string>() },
  };
  // Of the tools and of what was found the plan takes these alone.
  return planFilesVault(tools as unknown as RetentionTools, survey as unknown as FilesSurvey, {
    ...{ sets, provenAt: new Map() },
  }).plan;
}

describe("the plan of the files' vault", () => {
  const databaseSet = { tier: "daily", set: "20261001T000000Z-00000001" } as const;
  const fresh = [1, 2, 3].map((age) => snapshot(age));

  test("what a database set that stays was read together with, stays, with its packs; when the set goes, they go", () => {
    const old = snapshot(50, { databaseSet });
    const kept = plan([...fresh, old], new Set([`daily/${databaseSet.set}`]));
    expect(kept.go).toEqual([]);
    expect(kept.unnamed).toEqual([]);
    expect(kept.decisions[0]).toMatchObject({ set: old.set, beyond: "needed", why: /was read together with, stays/ });
    const gone = plan([...fresh, old], new Set());
    expect(gone.go).toEqual([old.set]);
    expect(gone.unnamed.map(({ key }) => key)).toEqual([packOf(50)]);
  });

  test("where nobody can look at the sets, what belongs to one stays, and the reason says so", () => {
    const { go, decisions } = plan([...fresh, snapshot(50, { databaseSet })], null);
    expect(go).toEqual([]);
    expect(decisions[0]?.why).toMatch(/S3_BACKUP_BUCKET is not set/);
  });

  test.each<[string, Partial<FilesSurvey>, RegExp]>([
    ["a manifest cannot be read", { unreadable: [idOf(60)] }, /cannot be read, and may name anything/],
    ["something was hidden", { meddled: [{ ...written(packOf(2), 2), state: "hidden" }] }, /was hidden, replaced/],
    ["something is gone", { gone: [packOf(2)] }, /deleted, and not by Lifeboat/],
  ])("nothing goes while %s, snapshots and what nobody names alike", (_, more, why) => {
    const { go, unnamed, heldBack } = plan([...fresh, snapshot(50)], new Set(), more);
    expect({ go, unnamed }).toEqual({ go: [], unnamed: [] });
    expect(heldBack).toMatch(why);
  });

  test("objects in a run's folder that are not named as ours are never taken for leftovers", () => {
    const strangers = [`packs/${idOf(40)}/notes.txt`, `snapshots/${idOf(40)}/.DS_Store`, `files/x/00001.zst.pgp`];
    const objects = [...strangers, packOf(40)].map((key) => written(key, 40));
    expect(plan(fresh, new Set(), { objects }).unnamed.map(({ key }) => key)).toEqual([packOf(40)]);
  });
});

test("names of many snapshots are told apart, whichever was made first", () => {
  const names = new NameIndex();
  const many = Array.from({ length: 5000 }, (_, number) => `packs/x/${number}`);
  const [all, few, none] = [names.of(many), names.of(["packs/y/1", "packs/x/4999"]), names.of([])];
  expect([...all]).toEqual(many);
  expect(new Set(few)).toEqual(new Set(["packs/y/1", "packs/x/4999"]));
  expect([all.has("packs/y/1"), few.has("packs/y/1"), few.has("packs/x/0"), all.has("other")]).toEqual([
    ...[false, true, false, false],
  ]);
  expect([...none]).toEqual([]);
  expect([...names.union([few, none])]).toEqual(["packs/x/4999", "packs/y/1"]);
  expect([...names.union([few, all])]).toHaveLength(5001);
  expect([names.find("packs/x/7"), names.find("packs/y/1"), names.find("other")]).toEqual([7, 5000, undefined]);
});

test.each([
  ["STANDARD", null],
  ["STANDARD_IA", 31],
  ["GLACIER_IR", 91],
  ["GLACIER", 91],
  ["DEEP_ARCHIVE", 181],
])("what lies in %s has been paid for, from when the lifecycle moves it", (storageClass, days) => {
  const versions = [
    { storageClass: "STANDARD", lastModified: new Date(now) },
    { storageClass, lastModified: new Date(now) },
  ];
  expect(paidUntil(versions, 1)).toBe(days === null ? null : now + days * day);
});

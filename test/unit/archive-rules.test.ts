import { describe, expect, test } from "vitest";
import { planThaw } from "../../actions/lib/operations/thaw/thaw-set.ts";
import { archiveRule, judgeLifecycle, type LifecycleRule } from "../../actions/lib/vault/bucket/lifecycle.ts";
import { type ObjectState, stateOf } from "../../actions/lib/vault/bucket/thaw.ts";

const wish = { storageClass: "GLACIER", afterDays: 1, retentionDays: 2557 } as const;
const right = archiveRule(wish);
const rule = (more: Partial<LifecycleRule>): LifecycleRule => ({ ID: "theirs", Status: "Enabled", ...more });

describe("a bucket's lifecycle", () => {
  test("is right when one rule moves what has the tag, and others do other things", () => {
    const abort = rule({ Filter: { Prefix: "" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } });
    const audit = rule({ Filter: { Prefix: "audit/" }, Transitions: [{ Days: 90, StorageClass: "GLACIER" }] });
    expect(judgeLifecycle([abort, audit, right], wish).problems).toEqual([]);
  });

  test.each<[string, readonly LifecycleRule[], RegExp]>([
    ["no rule", [], /no rule moves/],
    ["a rule switched off", [{ ...right, Status: "Disabled" }], /no rule moves/],
    ["another class", [archiveRule({ ...wish, storageClass: "DEEP_ARCHIVE" })], /go to DEEP_ARCHIVE after 1 days/],
    ["another day", [archiveRule({ ...wish, afterDays: 0 })], /go to GLACIER after 0 days/],
    [
      "a rule that takes keys and manifests along",
      [right, rule({ Filter: { Prefix: "database/monthly/" }, Transitions: [{ Days: 30, StorageClass: "GLACIER" }] })],
      /theirs also archives keys/,
    ],
    [
      "a rule for the whole bucket",
      [right, rule({ Prefix: "", Transitions: [{ Days: 30, StorageClass: "DEEP_ARCHIVE" }] })],
      /theirs also archives keys/,
    ],
    [
      "a rule that deletes archives before their time",
      [right, rule({ Filter: { Prefix: "database/" }, Expiration: { Days: 365 } })],
      /theirs deletes what lies below database\//,
    ],
  ])("%s is named, and the rules to put are right", (_what, rules, said) => {
    const { problems, wanted } = judgeLifecycle(rules, wish);
    expect(problems.join("; ")).toMatch(said);
    expect(judgeLifecycle(wanted.Rules, wish).problems).toEqual([]);
  });

  test("the rules to put keep those that are in nobody's way", () => {
    const abort = rule({ Filter: { Prefix: "" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } });
    expect(judgeLifecycle([abort], wish).wanted.Rules).toEqual([abort, right]);
  });
});

describe("the plan of a thaw", () => {
  const object = (state: ObjectState["state"], storageClass: string, bytes: number): ObjectState => ({
    ...{ key: "k", artifact: "a", state, storageClass, bytes, expectedBytes: bytes, readyUntil: undefined },
  });

  test("asks for the frozen ones only, tells the slowest class's time, and prices what is retrieved and kept", () => {
    const states = [
      object("frozen", "GLACIER", 100e9),
      object("frozen", "DEEP_ARCHIVE", 50e9),
      object("thawing", "GLACIER", 10e9),
      object("ready", "STANDARD", 1e9),
    ];
    const plan = planThaw(states, "Standard", 30);
    expect([plan.frozen.length, plan.thawing.length, plan.bytes, plan.expected]).toEqual([
      2,
      1,
      150e9,
      "within 12 hours",
    ]);
    expect(plan.dollars).toBeCloseTo(100 * 0.01 + 50 * 0.02 + 150 * 0.023, 1);
    expect(planThaw(states, "Bulk", 30).dollars).toBeLessThan(plan.dollars);
  });

  test("knows that Deep Archive has no Expedited", () => {
    expect(planThaw([object("frozen", "DEEP_ARCHIVE", 1)], "Expedited", 1).impossible).toBe("DEEP_ARCHIVE");
    expect(planThaw([object("frozen", "GLACIER", 1)], "Expedited", 1).impossible).toBeUndefined();
  });

  test("reads the states as S3 writes them", () => {
    expect(stateOf("STANDARD", undefined).state).toBe("ready");
    expect(stateOf("GLACIER_IR", undefined).state).toBe("ready");
    expect(stateOf("GLACIER", undefined).state).toBe("frozen");
    expect(stateOf("GLACIER", 'ongoing-request="true"').state).toBe("thawing");
    const thawed = stateOf("GLACIER", 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"');
    expect(thawed).toEqual({ state: "ready", readyUntil: new Date("2012-12-21T00:00:00Z") });
  });
});

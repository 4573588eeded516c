import { describe, expect, test } from "vitest";
import { judge, replicationAlarms } from "../../actions/lib/vault/bucket/replication.ts";
import type { ObjectHead } from "../../actions/lib/vault/s3/objects.ts";

const until = new Date("2026-12-30T00:00:00Z");
const head = (change: Partial<ObjectHead>): ObjectHead => ({
  ...{ bytes: 10, etag: "e", versionId: "v", metadata: {}, lastModified: new Date(), serverDate: new Date() },
  ...{ retainUntil: until, legalHold: undefined, storageClass: "STANDARD", replication: undefined, restore: undefined },
  ...change,
});
const copy = head({ replication: "REPLICA" });

describe("an object counts as replicated", () => {
  test.each([
    ["when S3 says so and the replica holds that version under that lock", "COMPLETED", copy, "there"],
    ["also by the other word that S3 has for it", "COMPLETE", copy, "there"],
    ["not while S3 is at it, even if the replica holds it already", "PENDING", copy, "behind"],
    ["not after S3 has given up", "FAILED", copy, "failed"],
    ["not when no rule covers it, whoever put it there", undefined, copy, "no-rule"],
    ["not when it is itself a copy from elsewhere", "REPLICA", copy, "no-rule"],
    ["not when the replica has lost it", "COMPLETED", undefined, "missing"],
    ["not when the replica holds another size", "COMPLETED", head({ bytes: 9 }), "other"],
    ["not when the replica holds another version", "COMPLETED", head({ versionId: "w" }), "other"],
    ["not without its lock there", "COMPLETED", head({ retainUntil: undefined }), "unlocked"],
    ["not under a shorter lock", "COMPLETED", head({ retainUntil: new Date(until.getTime() - 1000) }), "unlocked"],
    ["under a longer lock, too", "COMPLETED", head({ retainUntil: new Date(until.getTime() + 1000) }), "there"],
  ] as const)("%s", (_, replication, there, state) => {
    expect(judge(head({ replication }), there, false)).toBe(state);
  });

  test("whatever its version is called in a store that is not AWS's", () => {
    expect(judge(head({ replication: "COMPLETED" }), head({ versionId: "w" }), true)).toBe("there");
  });
});

describe("an alarm", () => {
  const now = new Date("2026-11-29T12:00:00Z");
  const none = { there: 0, behind: 0, failed: 0, "no-rule": 0, missing: 0, other: 0, unlocked: 0 };
  const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000);
  const alarms = (counts: Partial<typeof none>, behindSince: Date | null = null): string[] =>
    replicationAlarms(
      "set s (daily)",
      {
        ...{ objects: 5, counts: { ...none, ...counts }, behindSince },
        examples: new Map(Object.keys(counts).map((state) => [state as keyof typeof none, `key of ${state}`])),
      },
      { lagHours: 24, now },
    );

  test("there is none while all is there, or on its way for less than the policy's bound", () => {
    expect(alarms({ there: 5 })).toEqual([]);
    expect(alarms({ there: 4, behind: 1 }, hoursAgo(23))).toEqual([]);
  });

  test("tells of a lag beyond the bound, with hours and an object", () => {
    expect(alarms({ there: 3, behind: 2 }, hoursAgo(30))).toEqual([
      "ALARM: the replica is 30 hours behind with 2 objects of set s (daily) (key of behind); the policy allows 24.",
    ]);
  });

  test.each([
    ["failed", "S3 has given up on replicating"],
    ["no-rule", "no rule of the bucket's replication covers"],
    ["missing", "the replica does not hold"],
    ["other", "the replica holds another version of"],
    ["unlocked", "the replica has no lock, or a shorter one, on"],
  ] as const)("tells at once of what never gets there by itself: %s", (state, words) => {
    expect(alarms({ there: 4, [state]: 1 })).toEqual([`ALARM: ${words} 1 object of set s (daily) (key of ${state}).`]);
  });
});

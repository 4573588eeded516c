import { describe, expect, test } from "vitest";
import { planRetention, type RetentionFacts, type Subject } from "../../actions/lib/policy/retention.ts";
import { termsInForce } from "../../actions/lib/policy/terms.ts";
import type { Tier } from "../../actions/lib/vault/format/manifest.ts";

const now = Date.parse("2026-11-22T12:00:00Z");
const day = 86_400_000;
const terms = { daily: 30, weekly: 84, monthly: 2557 };

/** A trusted, verified set so many days old. */
function aged(days: number, tier: Tier = "daily", more: Partial<Subject> = {}): Subject {
  const state = { state: "trusted", verified: true, provenAt: null, marked: false } as const;
  return { set: `${tier} ${days}`, tier, at: now - days * day, ...state, paidUntil: null, lockedUntil: null, ...more };
}
const proven = { provenAt: now - day };

function plan(subjects: readonly Subject[], facts: Partial<RetentionFacts> = {}) {
  return planRetention({
    ...{ subjects, terms, needed: new Map(), stop: null, now },
    bounds: { keepNewest: 1, staleDays: 7, staleProofDays: null },
    lastProof: null,
    ...facts,
  });
}
const gone = (subjects: readonly Subject[], facts?: Partial<RetentionFacts>): string[] =>
  plan(subjects, facts).decisions.flatMap(({ keep, set }) => (keep ? [] : [set]));
const whyOf = (set: string, subjects: readonly Subject[], facts?: Partial<RetentionFacts>) =>
  plan(subjects, facts).decisions.find((one) => one.set === set);

describe("what goes", () => {
  test("what is older than its tier's term goes, oldest first, and each says why", () => {
    const subjects = [aged(1), aged(31), aged(29), aged(40), aged(80, "weekly"), aged(90, "weekly")];
    expect(gone(subjects)).toEqual(["weekly 90", "daily 40", "daily 31"]);
    expect(whyOf("daily 29", subjects)?.why).toBe("daily sets are kept for 30 days, until 2026-11-23");
    expect(whyOf("daily 31", subjects)?.why).toBe(
      "daily sets are kept for 30 days, until 2026-11-21, and newer good ones stay",
    );
  });

  test("the last moment of a term still counts", () => {
    expect(gone([aged(0), { ...aged(30), at: now - 30 * day + 1 }])).toEqual([]);
    expect(gone([aged(0), aged(30)])).toEqual(["daily 30"]);
  });
});

describe("what never goes", () => {
  test("the newest proven and the newest verified set of each tier, whatever their age", () => {
    const old = (["daily", "weekly", "monthly"] as const).flatMap((tier) => [
      aged(3000, tier, { verified: false, ...proven }),
      aged(2900, tier),
      aged(3100, tier, proven),
    ]);
    // Of the verified daily ones a newer one is there.
    expect(gone([aged(0), ...old])).toEqual(["daily 3100", "monthly 3100", "weekly 3100", "daily 2900"]);
    expect(whyOf("weekly 3000", [aged(0), ...old])).toMatchObject({
      beyond: "newest",
      why: "it is the newest proven weekly set",
    });
    expect(whyOf("weekly 2900", [aged(0), ...old])?.why).toBe("it is the newest verified weekly set");
  });

  test("so many of the newest good ones of all tiers as the policy says", () => {
    const subjects = [aged(300), aged(400), aged(500)];
    const bounds = { keepNewest: 2, staleDays: 1000, staleProofDays: null };
    expect(gone(subjects, { bounds })).toEqual(["daily 500"]);
    expect(whyOf("daily 400", subjects, { bounds })?.why).toBe("it is one of the 2 newest good sets");
  });

  test("junk, unsigned, unverified, marked and future sets push none of these out", () => {
    const bad = Array.from({ length: 50 }, (_, at): Subject[] => [
      aged(at / 100, "daily", { state: "refused", ...proven }),
      aged(at / 100, "daily", { state: "hidden", ...proven }),
      aged(at / 100, "daily", { verified: false }),
      aged(at / 100, "daily", { marked: true, ...proven }),
      aged(-2 - at, "daily", proven),
      aged(at / 100, "daily", { tier: null }),
    ]).flat();
    const bounds = { keepNewest: 2, staleDays: 1000, staleProofDays: null };
    expect(gone([...bad, aged(100, "daily", proven), aged(200), aged(300)], { bounds })).toEqual(["daily 300"]);
  });

  test("a tier without any good set keeps its newest, better one that was not made during an incident", () => {
    const unverified = { verified: false };
    const subjects = [aged(0), ...[400, 500, 600].map((age) => aged(age, "weekly", unverified))];
    expect(gone(subjects)).toEqual(["weekly 600", "weekly 500"]);
    const marked = [...subjects, aged(300, "weekly", { marked: true })];
    expect(gone(marked)).toEqual(["weekly 600", "weekly 500", "weekly 300"]);
    expect(whyOf("weekly 400", marked)?.why).toBe("it is the newest weekly set, and no good one is there");
  });

  test("what is not ours, hidden, or dated in the future", () => {
    const subjects = [
      aged(0),
      aged(100, "daily", { state: "refused" }),
      aged(200, "daily", { state: "hidden" }),
      aged(300, "daily", { tier: null }),
      aged(-400),
    ];
    expect(gone(subjects)).toEqual([]);
    expect(plan(subjects).decisions.map(({ beyond }) => beyond)).toEqual([
      ...["not-ours", "not-ours", "not-ours"],
      ...[null, "future"],
    ]);
    expect(whyOf("daily 200", subjects)?.why).toBe("somebody has hidden its manifest: find out who");
  });

  test("what somebody needs, what is paid for, what a lock keeps, each with its reason and date", () => {
    const subjects = [
      aged(0),
      aged(100),
      aged(110, "daily", { paidUntil: now + day }),
      aged(120, "daily", { lockedUntil: now + 2 * day }),
      aged(130, "daily", { paidUntil: now, lockedUntil: now }),
    ];
    const facts = { needed: new Map([["daily 100", "a hold keeps it: lawsuit"]]) };
    expect(gone(subjects, facts)).toEqual(["daily 130"]);
    expect(whyOf("daily 100", subjects, facts)).toMatchObject({ beyond: "needed", why: "a hold keeps it: lawsuit" });
    expect(whyOf("daily 110", subjects)).toMatchObject({ beyond: "paid", why: expect.stringMatching(/2026-11-23/) });
    expect(whyOf("daily 120", subjects)).toMatchObject({ beyond: "locked", why: expect.stringMatching(/2026-11-24/) });
  });

  test("a hold on a set within its term is said as well", () => {
    const needed = new Map([["daily 1", "a hold keeps it: lawsuit"]]);
    expect(whyOf("daily 1", [aged(1)], { needed })).toMatchObject({
      why: "daily sets are kept for 30 days, until 2026-12-21; besides, a hold keeps it: lawsuit",
      beyond: null,
    });
  });
});

describe("a wrong clock", () => {
  test("a set dated ahead of the store's clock is as new as the store says, even when its date has come", () => {
    const ahead = (days: number, stored: number, more?: Partial<Subject>) =>
      aged(days, "daily", { ...proven, storedAt: now - stored * day, ...more });
    expect(plan([ahead(0, 365), aged(60), aged(70)]).heldBack).toMatch(/backups are failing/);
    expect(gone([ahead(0, 365), aged(1), aged(60, "daily", proven), aged(70, "daily", proven)])).toEqual(["daily 70"]);
    // The newest that there is, though its date is still to come, or long past.
    expect(plan([ahead(-300, 2), aged(60), aged(70)]).heldBack).toBeNull();
    const bounds = { keepNewest: 1, staleDays: 1000, staleProofDays: null };
    expect(gone([ahead(40, 400), ahead(500, 500)], { bounds })).toEqual(["daily 500"]);
    expect(gone([aged(1), ahead(40, 400)])).toEqual([]);
  });

  test("a set dated long before the store had it is kept from then on, and is among the newest", () => {
    const behind = (days: number) => aged(365 + days, "daily", { storedAt: now - days * day });
    expect(gone([aged(0), behind(29), behind(31)])).toEqual(["daily 396"]);
    expect(whyOf("daily 394", [aged(0), behind(29)])?.why).toBe(
      "daily sets are kept for 30 days, until 2026-11-23 (it was stored on 2026-10-24, though it is dated 2025-10-24)",
    );
    const bounds = { keepNewest: 1, staleDays: 1000, staleProofDays: null };
    expect(gone([aged(50), aged(60), behind(40), behind(45)], { bounds })).toEqual(["daily 410", "daily 60"]);
  });

  test("a vault that was copied keeps its newest by their own dates, and calls nothing fresh because of it", () => {
    const copied = [100, 50, 40].map((age) => aged(age, "daily", { storedAt: now - 31 * day - age }));
    expect(plan(copied).heldBack).toMatch(/40 days old/);
    const bounds = { keepNewest: 1, staleDays: 1000, staleProofDays: null };
    expect(gone(copied, { bounds })).toEqual(["daily 100", "daily 50"]);
  });

  test("a run that takes hours changes nothing", () => {
    expect(gone([aged(0), aged(30, "daily", { storedAt: now - 29.2 * day })])).toEqual(["daily 30"]);
  });
});

describe("when nothing goes", () => {
  const old = [aged(40), aged(50)];
  const bounds = { keepNewest: 1, staleDays: 7, staleProofDays: 45 };
  const good = { at: now - 44 * day, proven: true, set: "daily 1" };

  test("while others say so, and the reason stands at what would have gone", () => {
    const { decisions, heldBack } = plan([aged(0), ...old], { stop: "an incident is on" });
    expect(heldBack).toBe("an incident is on");
    expect(decisions.map(({ beyond }) => beyond)).toEqual(["held-back", "held-back", null]);
    expect(plan([aged(0)], { stop: "an incident is on" }).heldBack).toBeNull();
  });

  test("while backups fail, however much junk and however many marked sets come", () => {
    expect(gone([aged(7), ...old])).toEqual(["daily 50", "daily 40"]);
    const failing = [aged(7.1), aged(0, "daily", { state: "refused" }), aged(0, "daily", { marked: true }), ...old];
    expect(plan(failing).heldBack).toBe("the newest verified set is 7 days old: backups are failing");
    expect(gone(failing)).toEqual([]);
    expect(plan(old.map((one) => ({ ...one, verified: false }))).heldBack).toBe("there is no verified set");
  });

  test("while restore tests fail, or do not run, where the policy asks for them", () => {
    const held = (lastProof: RetentionFacts["lastProof"]) => plan([aged(0), ...old], { bounds, lastProof }).heldBack;
    expect(held(good)).toBeNull();
    expect(held(null)).toBe("no set has been proven by a restore test yet");
    expect(held({ ...good, at: now - 46 * day })).toBe("the newest proof is 46 days old: restore tests are failing");
    expect(held({ ...good, proven: false })).toBe("the newest restore test failed, of set daily 1");
  });

  test("of a tier whose term nobody has announced", () => {
    const facts = { terms: { ...terms, daily: Number.POSITIVE_INFINITY } };
    expect(gone([aged(0), aged(3000), aged(90, "weekly"), aged(99, "weekly")], facts)).toEqual(["weekly 99"]);
    expect(whyOf("daily 3000", [aged(3000)], facts)?.beyond).toBe("announced");
  });

  test("terms and bounds that keep nothing are refused", () => {
    const bad = [0, -1, Number.NaN].flatMap((wrong): Partial<RetentionFacts>[] => [
      { terms: { ...terms, daily: wrong } },
      { bounds: { ...bounds, keepNewest: wrong } },
      { bounds: { ...bounds, staleDays: wrong } },
      { bounds: { ...bounds, staleProofDays: wrong } },
    ]);
    for (const facts of bad)
      expect(() => plan([aged(0), ...old], facts)).toThrow(expect.objectContaining({ code: "retention-terms" }));
  });
});

describe("terms in force", () => {
  const said = (age: number, daily: number | null) => ({
    at: now - age * day,
    terms: daily === null ? null : { ...terms, daily },
  });
  const daily = (policy: number, announced: readonly (readonly [number, number | null])[]) => {
    const { terms: force, pending } = termsInForce(
      { ...terms, daily: policy },
      announced.map(([age, days]) => said(age, days)),
      now,
    );
    return { days: force.daily, pending: pending.find(({ tier }) => tier === "daily") };
  };

  test("the same and a longer one count at once", () => {
    expect(daily(30, [[9, 30]])).toEqual({ days: 30, pending: undefined });
    expect(daily(60, [[9, 30]])).toEqual({ days: 60, pending: undefined });
  });

  test("a shorter one counts when all sets of three days have announced it", () => {
    const before = [9, 60] as const;
    expect(daily(30, [before])).toEqual({ days: 60, pending: { tier: "daily", from: 60, to: 30, counts: null } });
    const counts = now + day;
    expect(daily(30, [before, [2, 30], [1, 30]]).pending).toEqual({ tier: "daily", from: 60, to: 30, counts });
    expect(daily(30, [before, [3, 30], [1, 30]])).toEqual({ days: 30, pending: undefined });
  });

  test("a set that still says the longer one begins the three days anew", () => {
    expect(
      daily(30, [
        [9, 60],
        [5, 30],
        [2, 60],
        [1, 30],
      ]).pending?.counts,
    ).toBe(now + 2 * day);
  });

  test("two changes in a row gain nothing: the first one waits as well", () => {
    const quick = [
      [4, 60],
      [0.2, 10],
      [0.1, 9],
    ] as const;
    expect(daily(9, quick).days).toBe(60);
    expect(daily(9, [...quick, [3, 10]]).days).toBe(10);
  });

  test("of two that were announced in the same moment the longer one counts", () => {
    const before = [3, 60] as const;
    const after = [3, 30] as const;
    for (const said of [
      [before, after],
      [after, before],
    ])
      expect(daily(30, [...said, [1, 30]]).days).toBe(60);
  });

  test("what sets of the future and sets of a wrong clock say does not count", () => {
    expect(
      daily(30, [
        [9, 60],
        [-1, 30],
        [400, 30],
      ]).days,
    ).toBe(60);
  });

  test("a vault whose manifests do not say it yet loses nothing", () => {
    expect(daily(30, [])).toMatchObject({ days: Number.POSITIVE_INFINITY, pending: { from: null, counts: null } });
    expect(
      daily(30, [
        [9, null],
        [1, 30],
      ]).pending,
    ).toMatchObject({ from: null, counts: now + 2 * day });
    expect(
      daily(30, [
        [9, null],
        [3, 30],
      ]).days,
    ).toBe(30);
  });
});

import { describe, expect, test } from "vitest";
import { type BillInput, billByMonth } from "../../actions/lib/policy/cost/bill.ts";
import { besideEstimate, limitsReached } from "../../actions/lib/policy/cost/forecast.ts";
import { setsByMonth } from "../../actions/lib/policy/cost/stays.ts";
import { facts, inputOf, policyOf, runsOf } from "./cost-scene.ts";

const GB = 2 ** 30;
const month = 365.25 / 12;

/** Amounts and US dollars of a line, in the third year: everything but the archives is as it stays. */
function lineOf(what: string | RegExp, input: BillInput = inputOf()) {
  const { lines } = billByMonth(input, 25)[24] ?? { lines: [] };
  const found = lines.find((one) => (typeof what === "string" ? one.what === what : what.test(one.what)));
  return found && { amount: found.amount, usd: found.usd };
}
const close = (amount: number, usd: number) => ({ amount: expect.closeTo(amount, 3), usd: expect.closeTo(usd, 5) });

describe("the price of each line, by hand", () => {
  test("Supabase: plan, compute above its credit, recovery, disk, files", () => {
    expect(lineOf("Supabase, plan pro")).toEqual(close(1, 25));
    // Small costs 15, of which 10 are included.
    expect(lineOf("Compute small, above the credit")).toEqual(close(1, 5));
    expect(lineOf("Point-in-time recovery, 7 days")).toEqual(close(1, 100));
    // Ten GB of rows, eight included, 0.125 each; 110 GB of files, 100 included, 0.021 each.
    expect(lineOf("Disk above 8 GB")).toEqual(close(2, 0.25));
    expect(lineOf("Files above 100 GB")).toEqual(close(10, 0.21));
  });

  test("what is read from Supabase above the plan: sets, new files and the application", () => {
    // A set of ten GB a day would be 304 GB: more than half of 250, so one a day is made and no second. 4.35 weekly ones, one archive.
    const read = (month + month / 7 + 1) * 10 + 40;
    expect(lineOf("Read from Supabase above 250 GB")).toEqual(close(read - 250, (read - 250) * 0.09));
    const policy = policyOf({ cost: { ...policyOf().cost, applicationEgressBytes: 100e9 } });
    expect(lineOf("Read from Supabase above 250 GB", inputOf({ policy }))).toEqual(
      close(read - 150, (read - 150) * 0.09),
    );
  });

  // Retention runs twice a week: what may go stays for 1.75 days more, on average.
  const daily = 31.75 * 0.25;
  const weekly = ((84 + 1.75) / 7) * 0.25;
  // The 25th archive is made in the month's middle; it leaves Standard two days later.
  const archives = 24.5;
  const frozen = archives - 2 / month;

  test("sets in Standard, with 8 KB for each object in Glacier", () => {
    const hot = archives * 0.05 + (2 / month) * 0.2;
    const overhead = (frozen * 10 * 8 * 1024) / GB;
    const amount = daily + weekly + hot + overhead;
    expect(lineOf("Sets in Standard in us-east-1")).toEqual(close(amount, amount * 0.023));
  });

  test("archives in Glacier, with 32 KB for each object, and the way there", () => {
    const amount = frozen * 0.2 + (frozen * 10 * 32 * 1024) / GB;
    expect(lineOf("GLACIER in us-east-1")).toEqual(close(amount, amount * 0.0036));
    expect(lineOf("Transitions to GLACIER in us-east-1")).toEqual(close(10, 0.0003));
  });

  test("files: eight GB, and one more each month", () =>
    expect(lineOf("Files in Standard in us-east-1")).toEqual(close(8 + 24.5, 32.5 * 0.023)));

  test("the replica has its own prices, and keeps everything a week longer", () => {
    const later = 38.75 * 0.25 + ((91 + 1.75) / 7) * 0.25 + archives * 0.05 + (2 / month) * 0.2;
    const amount = later + (frozen * 10 * 8 * 1024) / GB;
    expect(lineOf("Sets in Standard in eu-central-1, the replica")).toEqual(close(amount, amount * 0.0245));
    const moved = (month + month / 7 + 1) * 0.25 + 1;
    expect(lineOf("To the replica")).toEqual(close(moved, moved * 0.02));
    const alone = policyOf({ promises: { vault: { region: "us-east-1", replicaRegion: null } } });
    expect(lineOf(/replica/, inputOf({ policy: alone }))).toBeUndefined();
  });

  test("requests cost five dollars a million, or forty cents", () => {
    const [put, get] = [lineOf("PUT and LIST requests in us-east-1"), lineOf("GET and other requests in us-east-1")];
    expect(put?.usd).toBeCloseTo(((put?.amount ?? 0) * 5) / 1e6, 8);
    expect(get?.usd).toBeCloseTo(((get?.amount ?? 0) * 0.4) / 1e6, 8);
  });

  test("an archive is brought back every fourth month, read, and lies a week in Standard", () => {
    expect(lineOf("Archives brought back for restore tests")).toEqual(close(0.25 * 0.2, 0.05 * 0.01));
    expect(lineOf("Requests that bring them back")).toEqual(close(2.5, (2.5 * 0.05) / 1000));
    const week = 0.25 * 0.2 * (7 / month);
    expect(lineOf("Their copies in Standard")).toEqual(close(week, week * 0.023));
  });

  test("what GitHub's runners read from S3 is egress above 100 GB a month", () => {
    expect(lineOf(/runners/)).toBeUndefined();
    // All files are opened five times a month; everything that was written is read back; one restore test.
    const fetched = 5 * 32.5 + (month + month / 7 + 1) * 0.25 + 1 + 0.25;
    expect(lineOf(/runners/, inputOf({ runs: { ...runsOf(), opened: 60 } }))).toEqual(
      close(fetched - 100, (fetched - 100) * 0.09),
    );
  });

  test("minutes of GitHub Actions above what the plan includes", () =>
    expect(lineOf(/Minutes/)).toEqual(close(500, 3)));
});

test("what leaves Glacier before its ninety days is paid for until then", () => {
  const rules = {
    terms: { daily: 1, weekly: 1, monthly: 60 },
    made: (tier: string) => (tier === "monthly" ? 1 : 0),
    ...{ coldAfter: 2, coldLeast: 90 },
  };
  const [last] = setsByMonth(facts, rules, 12).slice(-1);
  // Of 90 days in Glacier 59.75 are used: 30.25 days of each archive are paid for nothing.
  expect(last?.paidUnusedBytes).toBeCloseTo((30.25 / month) * (GB / 5), -3);
  expect(last?.coldBytes).toBeCloseTo((59.75 / month) * (GB / 5), -3);
});

test("sets that are there already stay until their term ends, and no longer", () => {
  const present = [{ tier: "daily", age: 10 } as const, { tier: "daily", age: 500 } as const];
  const rules = { terms: { daily: 30, weekly: 1, monthly: 1 }, made: () => 0, coldAfter: null, coldLeast: 90 };
  const [first, second] = setsByMonth({ ...facts, present }, rules, 2);
  expect(first?.kept.daily).toBeCloseTo(21.75 / month, 6);
  expect(second?.kept.daily).toBe(0);
});

test("a part that costs more than its estimate is over, and the others are not", () => {
  const estimate = { supabase: 25, standard: 10, glacier: 2, transfer: 50, actions: 3 } as const;
  const beside = besideEstimate(billByMonth(inputOf(), 12), estimate);
  expect(beside.map(({ group, over }) => [group, over])).toEqual([
    ["supabase", true],
    ...["standard", "glacier", "transfer", "actions"].map((group) => [group, false]),
  ]);
});

test("the day on which a limit is reached lies where the months cross it", () => {
  const now = new Date("2026-12-01T00:00:00Z");
  const grown = {
    ...facts,
    growthBytes: 1e9,
    sets: { ...facts.sets, daily: { ...facts.sets.daily, plainBytes: 5e9 } },
  };
  const input = inputOf({ facts: grown });
  const limits = limitsReached(input, billByMonth(input, 12), now);
  const dayOf = (what: RegExp) => limits.find((one) => what.test(one.what))?.day;
  // Five GB and one a month: eight after three months.
  expect(dayOf(/Disk/)).toBe("2027-03-02");
  // Reached from the start; and never.
  expect(dayOf(/estimate/)).toBe("2026-12-01");
  expect(dayOf(/Files/)).toBe("2026-12-01");
  const small = inputOf({ facts: { ...facts, files: null } });
  expect(limitsReached(small, billByMonth(small, 12), now).find(({ what }) => /Files/.test(what))?.day).toBeNull();
});

test("more sets than the policy's share of egress allows are not made, and not paid for", () => {
  const twice = runsOf({ daily: { attempts: 2557, done: 730.5 } });
  const small = { ...facts.sets.daily, plainBytes: 1e9 };
  const bill = (input: BillInput) => billByMonth(input, 25)[24]?.used.egressBytes;
  // 60.9 sets of 1 GB are below half of 250 GB; of 10 GB one a day is made.
  const sets = { ...facts.sets, daily: small };
  const read = (2 * month + (month / 7 + 1) * 10) * 1e9 + 40e9;
  expect(bill(inputOf({ runs: twice, facts: { ...facts, sets } }))).toBeCloseTo(read, -3);
  expect(bill(inputOf({ runs: twice }))).toBeCloseTo((month + month / 7 + 1) * 10e9 + 40e9, -3);
});

import { expect, test } from "vitest";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { readWorkflows, schedulesOf } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { type BillInput, billByMonth } from "../../actions/lib/policy/cost/bill.ts";
import { assumedFacts } from "../../actions/lib/policy/cost/facts.ts";
import { pricesOf, priceWarnings, readPriceList } from "../../actions/lib/policy/cost/price-list.ts";
import { scheduledRuns } from "../../actions/lib/policy/cost/scheduled-runs.ts";
import { compareSevenYears, sevenYearsTotals } from "../../actions/lib/policy/cost/seven-years.ts";
import own from "../../lifeboat.config.ts";
import { inputOf, policyOf } from "./cost-scene.ts";

/** What cannot be priced, and Qimma's own bill beside full copies. */

const list = readPriceList();

test("prices older than ninety days are a warning that names them and the file", () => {
  const { day } = pricesOf(list, "eu-central-1");
  const after = (days: number) => new Date(Date.parse(day) + days * 86_400_000);
  const old = (days: number) =>
    priceWarnings(list, ["eu-central-1"], after(days)).filter((one) => /S3.*older/.test(one));
  expect(old(90)).toEqual([]);
  expect(old(91)).toEqual([
    expect.stringMatching(/^The prices of S3 in eu-central-1 are of \S+, 91 days ago.*prices\.json/),
  ]);
});

test("every region of the price list names its source, and what nobody has compared is told with the bill", () => {
  for (const [region, { source, unchecked }] of Object.entries(list.aws.regions)) {
    expect(source).not.toBe("");
    const told = priceWarnings(list, [region], new Date(0)).join("\n");
    for (const one of unchecked) expect(told).toContain(one);
  }
});

test("a region, plan, size or recovery window without a price is an error that says where to add it", () => {
  const bill = (change: Parameters<typeof policyOf>[0]) => () => billByMonth(inputOf({ policy: policyOf(change) }), 1);
  const supabase = (more: object) =>
    ({ promises: { supabase: { plan: "pro", ...more }, vault: { region: "us-east-1" } } }) as const;
  const refused = (code: string, next = /prices\.json/) =>
    expect.objectContaining({ code, exitCode: 2, next: expect.stringMatching(next) });
  expect(bill({ promises: { vault: { region: "mars-1" } } })).toThrow(refused("price-region-unknown"));
  expect(bill({ promises: { vault: { region: "us-east-1", replicaRegion: "mars-1" } } })).toThrow(
    refused("price-region-unknown"),
  );
  expect(bill(supabase({ plan: "enterprise" }))).toThrow(refused("price-plan-unknown"));
  expect(bill(supabase({ pitrDays: 5 }))).toThrow(refused("price-pitr-unknown"));
  expect(bill({ cost: { compute: "gigantic" } })).toThrow(refused("price-compute-unknown"));
});

const policy = policySchema.parse(own);
const qimma: BillInput = {
  ...{ policy, facts: assumedFacts(policy), prices: list },
  runs: scheduledRuns(readWorkflows(), schedulesOf({ policy })),
};

test("the workflows of this repository run what they say, as often as they say", () => {
  const { runs, opened, minutes } = qimma.runs;
  const perDay = (kind: keyof typeof runs) => Math.round(runs[kind].attempts / 365.25);
  expect([perDay("daily"), perDay("files"), perDay("weekly"), perDay("monthly")]).toEqual([7, 7, 7, 7]);
  expect([perDay("publish"), perDay("monitor")]).toEqual([8, 8]);
  expect(runs.daily.done / 365.25).toBeGreaterThan(2);
  expect([runs.weekly.done, runs.monthly.done].map(Math.round)).toEqual([52, 12]);
  expect([runs.restoreTest, runs.drill].map(({ done }) => Math.round(done))).toEqual([12, 4]);
  // Three times a month a fifth.
  expect(opened).toBeCloseTo(7.2, 5);
  expect(minutes).toBeGreaterThan(400);
});

test("seven years of Lifeboat's copies cost at most a third of weekly dumps and full copies of the files", () => {
  const { share, sevenYears } = sevenYearsTotals(compareSevenYears(qimma));
  expect(share).toBeLessThanOrEqual(1 / 3);
  expect(sevenYears.at(-1)?.full).toBeGreaterThan(1000);
  // Not by the replica alone: full copies in one region are dearer than ours in two.
  const alone = { ...policy.promises, vault: { ...policy.promises.vault, replicaRegion: null } };
  const single = compareSevenYears({ ...qimma, policy: { ...policy, promises: alone } });
  const sum = (of: typeof single, value: (one: (typeof single)[number]) => number) =>
    of.reduce((all, one) => all + value(one), 0);
  expect(sum(compareSevenYears(qimma), ({ ours }) => ours)).toBeLessThan(sum(single, ({ full }) => full) / 3);
});

import type { Policy } from "../../config/policy/policy.ts";
import type { CostFacts } from "./facts.ts";
import { type BillLine, line, s3GB, sumOf, supabaseGB } from "./line.ts";
import { type ColdClass, type PriceList, pricesOf, type RegionPrices } from "./price-list.ts";
import type { PutGet } from "./request-model.ts";
import { requestsOfMonth } from "./requests.ts";
import type { ScheduledRuns } from "./scheduled-runs.ts";
import { monthDays, type SetsOfMonth, setsByMonth } from "./stays.ts";
import { supabaseLines } from "./supabase-lines.ts";

/** What one month costs. */
export interface MonthBill {
  /** From now on, 0 is the first. */
  readonly month: number;
  readonly lines: readonly BillLine[];
  readonly usd: number;
  /** What Supabase counts. */
  readonly used: ReturnType<typeof usedInMonth>;
}

export interface BillInput {
  readonly policy: Policy;
  readonly facts: CostFacts;
  readonly runs: ScheduledRuns;
  readonly prices: PriceList;
}

/** What S3 keeps for each object in Glacier: 32 KB at its price, 8 KB at Standard's (S3 User Guide, "Archiving objects"). */
const overhead = { cold: 32 * 1024, standard: 8 * 1024 } as const;
/** Days that are paid for in a class, however short a stay (S3 User Guide, "Storage classes"). */
const leastDays: Readonly<Record<ColdClass, number>> = { GLACIER_IR: 90, GLACIER: 90, DEEP_ARCHIVE: 180 };
/** How long a thawed copy of a restore test's archive lies in Standard. */
const thawedDays = 7;

/** The bill of each month from now on. Pure. @throws ConfigurationError `price-region-unknown`, `price-plan-unknown` */
export function billByMonth(input: BillInput, months: number): MonthBill[] {
  const { policy, facts, runs, prices } = input;
  const { vault: place } = policy.promises;
  const region = place.region ?? policy.regions[0] ?? "";
  const here = pricesOf(prices, region);
  const there = place.replicaRegion === null ? undefined : pricesOf(prices, place.replicaRegion);
  const terms = termsOf(policy, 0);
  const rules = {
    made: (tier: "daily" | "weekly" | "monthly", month: number) => madeInMonth(input, tier, month),
    coldAfter: policy.archive.afterDays + 1,
    coldLeast: leastDays[policy.archive.storageClass],
  };
  const sets = setsByMonth(facts, { ...rules, terms }, months);
  const ofReplica = setsByMonth(facts, { ...rules, terms: termsOf(policy, policy.replica.removedAfterDays) }, months);
  return sets.map((of, month) => {
    const replica = ofReplica[month] ?? of;
    const moved = movedInMonth(input, of, month);
    const asked = requestsOfMonth({ policy, facts, runs, month, sets: of, files: moved.files });
    const lines = [
      ...supabaseLines(policy, prices, usedInMonth(input, of, moved, month)),
      ...storageLines(`in ${region}`, here, of, moved, policy.archive.storageClass),
      ...requestLines(`in ${region}`, here, asked.here),
      ...(there === undefined
        ? []
        : [
            ...storageLines(
              `in ${place.replicaRegion}, the replica`,
              there,
              replica,
              moved,
              policy.archive.storageClass,
            ),
            ...requestLines(`in ${place.replicaRegion}, the replica`, there, asked.replica),
            ...line("transfer", "To the replica", moved.written / s3GB, "GB", here.transferGB.regions),
          ]),
      ...retrievalLines(input, here, of),
      ...line(
        "transfer",
        `Read by GitHub's runners, above ${prices.aws.internetFreeGB} GB`,
        Math.max(0, moved.fetched / s3GB - prices.aws.internetFreeGB),
        "GB",
        here.transferGB.internet,
      ),
      ...line(
        "actions",
        `Minutes of GitHub Actions above ${policy.monitor.actionsMinutes}`,
        Math.max(0, runs.minutes - policy.monitor.actionsMinutes),
        "minutes",
        prices.github.minute,
      ),
    ];
    return { month, lines, usd: sumOf(lines), used: usedInMonth(input, of, moved, month) };
  });
}

function termsOf({ tiers }: Policy, longer: number) {
  const of = (tier: "daily" | "weekly" | "monthly"): number => tiers[tier].retentionDays + longer;
  return { daily: of("daily"), weekly: of("weekly"), monthly: of("monthly") };
}

/** Sets that a month makes; the second of a day stands back where the policy's share of egress is used up. */
function madeInMonth({ policy, facts, runs, prices }: BillInput, tier: "daily" | "weekly" | "monthly", month: number) {
  const due = runs.runs[tier].done / 12;
  if (tier !== "daily") return due;
  const plan = policy.promises.supabase.plan;
  const inPlan = plan === "enterprise" ? null : prices.supabase.plans[plan].egressGB * supabaseGB;
  const allowance = policy.source.egress.bytesPerMonth ?? inPlan;
  const bytes = facts.sets.daily.plainBytes + facts.growthBytes * (month + 0.5);
  if (allowance === null || bytes <= 0) return due;
  return Math.min(due, Math.max(monthDays, (allowance * policy.source.egress.share) / bytes));
}

/** Bytes that move in one month. */
export interface Moved {
  /** From Supabase to the runners. */
  readonly read: number;
  /** From the runners into the vault. */
  readonly written: number;
  /** From the vault to the runners: read back, opened, restored. */
  readonly fetched: number;
  /** The files' vault in the middle of the month. */
  readonly files: { readonly storedBytes: number; readonly objects: number };
}

function movedInMonth({ policy, facts, runs }: BillInput, { made, shapes }: SetsOfMonth, month: number): Moved {
  const { files } = facts;
  // An empty vault gets all files in its first month.
  const first = month === 0 && facts.present.length === 0 ? files : null;
  const tiers = ["daily", "weekly", "monthly"] as const;
  const ofSets = (bytes: "plainBytes" | "storedBytes"): number =>
    tiers.reduce((sum, tier) => sum + made[tier] * shapes[tier][bytes], 0);
  const fresh = files?.newStoredBytes ?? 0;
  const stored = (files?.storedBytes ?? 0) + fresh * (month + 0.5);
  const written = ofSets("storedBytes") + fresh + (first?.storedBytes ?? 0);
  const restores = (runs.runs.restoreTest.done + runs.runs.drill.done) / 12;
  const filesOfDrills = (runs.runs.drill.done / 12) * stored;
  return {
    read: ofSets("plainBytes") + (files?.newBytes ?? 0) + (first?.bytes ?? 0) + policy.cost.applicationEgressBytes,
    written,
    fetched:
      (policy.vault.readBack ? written : 0) +
      restores * shapes.daily.storedBytes +
      filesOfDrills +
      (runs.opened / 12) * stored,
    files: {
      storedBytes: stored,
      objects: (files?.objects ?? 0) + (files?.newObjects ?? 0) * (month + 0.5),
    },
  };
}

/** Files that are replaced make room: what is stored there grows by what is new, as the newest snapshots tell. */
function usedInMonth({ facts }: BillInput, { shapes }: SetsOfMonth, { read }: Moved, month: number) {
  const { files } = facts;
  return {
    egressBytes: read,
    databaseBytes: shapes.daily.plainBytes,
    fileBytes: files === null ? 0 : files.bytes + files.growthBytes * (month + 0.5),
  };
}

function storageLines(where: string, prices: RegionPrices, sets: SetsOfMonth, { files }: Moved, cold: ColdClass) {
  const isFrozen = cold !== "GLACIER_IR";
  const extra = isFrozen ? sets.coldObjects : 0;
  const name = `${cold} ${where}`;
  return [
    ...line(
      "standard",
      `Sets in Standard ${where}`,
      (sets.standardBytes + extra * overhead.standard) / s3GB,
      "GB",
      prices.month.STANDARD,
    ),
    ...line("standard", `Files in Standard ${where}`, files.storedBytes / s3GB, "GB", prices.month.STANDARD),
    ...line("glacier", name, (sets.coldBytes + extra * overhead.cold) / s3GB, "GB", prices.month[cold]),
    ...line("glacier", `${name}: paid for after removal`, sets.paidUnusedBytes / s3GB, "GB", prices.month[cold]),
    ...line("glacier", `Transitions to ${name}`, sets.transitions, "objects", prices.thousand.transition[cold], 1000),
  ];
}

function requestLines(where: string, { thousand }: RegionPrices, { put, get }: PutGet): BillLine[] {
  return [
    ...line("standard", `PUT and LIST requests ${where}`, put, "requests", thousand.put, 1000),
    ...line("standard", `GET and other requests ${where}`, get, "requests", thousand.get, 1000),
  ];
}

/** Restore tests whose turn is an archive bring it back, and read it for some days from Standard. */
function retrievalLines({ policy, runs }: BillInput, prices: RegionPrices, { shapes }: SetsOfMonth): BillLine[] {
  const { turns } = policy.restoreTest;
  const archives = turns.filter((turn) => turn === "archive").length / Math.max(1, turns.length);
  const times = (runs.runs.restoreTest.done / 12) * archives;
  const { coldBytes, coldObjects } = shapes.monthly;
  const cold = policy.archive.storageClass;
  return [
    ...line(
      "glacier",
      "Archives brought back for restore tests",
      (times * coldBytes) / s3GB,
      "GB",
      prices.retrievalGB[cold],
    ),
    ...line(
      "glacier",
      "Requests that bring them back",
      times * coldObjects,
      "objects",
      prices.thousand.retrieval[cold],
      1000,
    ),
    ...(cold === "GLACIER_IR"
      ? []
      : line(
          "glacier",
          "Their copies in Standard",
          (times * coldBytes * (thawedDays / monthDays)) / s3GB,
          "GB",
          prices.month.STANDARD,
        )),
  ];
}

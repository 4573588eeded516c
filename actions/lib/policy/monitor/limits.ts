import { formatBytes, formatDay } from "../../base/measures.ts";
import type { PromisesPolicy } from "../../config/policy/promises.ts";
import { type CheckState, type Finding, worstOf } from "./check.ts";
import { type DayFigure, daysUntil, growthPerDay } from "./trend.ts";

/** Shares of a limit, and days before it is reached, from which on somebody has to know. */
const warningShare = 0.8;
const criticalShare = 0.95;
/** Half of a month's notice is the least that is promised: time to have more bought, approved and set up. */
const criticalDays = 14;
const dayMillis = 86_400_000;

export interface Growing {
  /** As the sentence begins, e.g. `Storage holds`. */
  readonly what: string;
  /** Bytes. */
  readonly value: number;
  /** Bytes; null: there is none, or nobody can know it. */
  readonly limit: number | null;
  /** Bytes at which it counts as reached, where that is before the limit; default: the limit. */
  readonly reachedAt?: number;
  /** What it was on earlier days. */
  readonly history: readonly DayFigure[];
  readonly now: Date;
  /** Days before it is reached from which on it is a warning. */
  readonly warningDays: number;
  /** A further sentence of what was found. */
  readonly more?: string;
  readonly means: string;
  readonly next: string;
}

/**
 * What a figure that grows says of its limit: critical from 95 % on, or when the trend reaches it within 14 days; a warning from 80 % on,
 * or when it does within `warningDays`. Without a limit it is only told. Pure.
 */
export function limitFinding(growing: Growing): Finding {
  const { what, value, limit, reachedAt = limit, history, now, warningDays, more, means, next } = growing;
  const measure = { value, limit, unit: "bytes" as const };
  const tell = (sentences: readonly (string | undefined)[]): string =>
    [...sentences, more].filter((one) => one !== undefined).join(" ");
  const perDay = growthPerDay(history, now);
  const pace = perDay === undefined || perDay <= 0 ? undefined : `It grows by about ${formatBytes(perDay)} a day.`;
  if (limit === null || reachedAt === null)
    return { state: "ok", found: tell([`${what} ${formatBytes(value)}.`, pace]), measure };
  const share = value / limit;
  const days = daysUntil(reachedAt, value, perDay);
  const state = worstOf([
    { state: share >= criticalShare ? "critical" : share >= warningShare ? "warning" : "ok" },
    { state: days === null ? "ok" : days <= criticalDays ? "critical" : days <= warningDays ? "warning" : "ok" },
  ]);
  const found = tell([
    `${what} ${formatBytes(value)} of ${formatBytes(limit)} (${percent(share)}).`,
    ...(value >= reachedAt
      ? ["The limit is reached."]
      : days === null
        ? []
        : [pace, `At this pace the limit is reached about ${formatDay(now.getTime() + days * dayMillis)}.`]),
  ]);
  return { state, found, measure, ...(state === "ok" ? {} : { means, next }) };
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

type Plan = PromisesPolicy["supabase"]["plan"];
const [MB, GB] = [1e6, 1e9];

/** What the plans include (supabase.com/docs, Manage your usage; Pricing); null: as agreed, or only the disk bounds it. */
const planBytes: Readonly<Record<Plan, { readonly database: number | null; readonly storage: number | null }>> = {
  free: { database: 500 * MB, storage: GB },
  pro: { database: null, storage: 100 * GB },
  team: { database: null, storage: 100 * GB },
  enterprise: { database: null, storage: null },
};

type Looked = Pick<Growing, "value" | "history" | "now" | "warningDays">;

export function judgeDatabaseSize(looked: Looked, plan: Plan): Finding {
  const limit = planBytes[plan].database;
  return limitFinding({
    ...looked,
    ...{ what: "The database holds", limit },
    ...(limit === null && { more: "Its limit is the disk, which has a check of its own." }),
    means: "Beyond its plan's size Supabase makes the database read-only: the application stops writing.",
    next: "Remove what is not needed and vacuum, or take a larger plan, before the date.",
  });
}

/** @param bought bytes where more, or less, than the plan's inclusion is the limit */
export function judgeStorageSize(looked: Looked, plan: Plan, bought: number | null): Finding {
  return limitFinding({
    ...looked,
    ...{ what: "Storage holds", limit: bought ?? planBytes[plan].storage },
    means:
      "What is above the plan's inclusion is billed, or refused where a spend cap is on; files that cannot be written cannot be backed up.",
    next: "Remove files that are not needed, or take more; where more is paid for, say so in monitor.storageBytes of the policy.",
  });
}

export interface Disk {
  readonly sizeBytes: number;
  readonly usedBytes: number;
  /** How it grows by itself; null: it does, by Supabase's own default; undefined: that could not be read. */
  readonly mostBytes: number | null | undefined;
}

/** Supabase enlarges a disk by itself at 90 %, hours apart; at 95 % the database becomes read-only (supabase.com/docs, Database size). */
const growsAt = 0.9;

/** The database's disk. Where it grows by itself, what it may grow to is the limit; that it is nearly full now counts all the same. */
export function judgeDisk(disk: Disk, looked: Omit<Looked, "value">): Finding {
  const { sizeBytes, usedBytes, mostBytes } = disk;
  const share = usedBytes / Math.max(1, sizeBytes);
  const grows = mostBytes !== undefined && (mostBytes === null || mostBytes > sizeBytes);
  const limit = grows ? mostBytes : sizeBytes;
  const texts = {
    means:
      "At 95 % of its disk Supabase makes the database read-only, and a restore in place fails early: the application stops writing.",
    next: "Enlarge the disk in the dashboard (Database, Settings), which Supabase allows only once every few hours; then find what has grown.",
  };
  const finding = limitFinding({
    ...{ ...looked, ...texts, value: usedBytes, limit },
    ...(limit !== null && { reachedAt: criticalShare * limit }),
    what: "The database's disk holds",
    more: grows
      ? `The disk has ${formatBytes(sizeBytes)} now (${percent(share)} used) and grows by itself${mostBytes === null ? "" : ` up to ${formatBytes(mostBytes)}`}.`
      : mostBytes === undefined
        ? "Whether it grows by itself could not be read."
        : "It does not grow by itself any further.",
  });
  const full: CheckState = share >= criticalShare ? "critical" : share >= growsAt ? "warning" : "ok";
  const state = worstOf([finding, { state: full }]);
  return state === "ok" ? finding : { ...finding, ...texts, state };
}

export interface EgressOfMonth {
  /** Bytes that Lifeboat has read from Supabase since the month began. */
  readonly bytes: number;
  /** Bytes that the plan includes in a month; null: as agreed. */
  readonly allowance: number | null;
  readonly from: Date;
  readonly until: Date;
}

const unknowable =
  "Supabase's API does not say how much the application itself serves: see Usage in Supabase's dashboard.";

/** What Lifeboat reads from Supabase in a calendar month, which is a part of what Supabase counts. */
export function judgeEgress({ bytes, allowance, from, until }: EgressOfMonth, now: Date): Finding {
  const measure = { value: bytes, limit: allowance, unit: "bytes" as const };
  const read = `Backups have read ${formatBytes(bytes)} this month`;
  if (allowance === null) return { state: "ok", found: `${read}. ${unknowable}`, measure };
  // A month's first days have its archive in them, and say little of the rest.
  const elapsed = Math.max(7 * dayMillis, now.getTime() - from.getTime());
  const expected = bytes * Math.max(1, (until.getTime() - from.getTime()) / elapsed);
  const share = bytes / allowance;
  const state: CheckState =
    share >= criticalShare ? "critical" : Math.max(share, expected / allowance) >= warningShare ? "warning" : "ok";
  const found = `${read}, of ${formatBytes(allowance)} that the plan includes for everything (${percent(share)}); at this pace it is ${formatBytes(expected)} by its end. ${unknowable}`;
  if (state === "ok") return { state, found, measure };
  return {
    ...{ state, found, measure },
    means: "What is above the plan's inclusion is billed, or throttles the project where a spend cap is on.",
    next: "Make fewer or smaller sets (source.egress in the policy bounds them), or buy more and say so in source.egress.bytesPerMonth.",
  };
}

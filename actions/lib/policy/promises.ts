import type { Policy } from "../config/policy/policy.ts";
import type { PromisesPolicy, Scenario } from "../config/policy/promises.ts";
import type { ReadSchedules } from "./read-schedules.ts";

/** What can go wrong with a promise, or with what it stands on. */
export interface Finding {
  /** Stable name, e.g. `completeLoss.rpo`; the policy's `accepted` names it so. */
  readonly name: string;
  /** `broken`: what is promised is better than the truth. `doubtful`: it holds, but not by much, or nobody has measured it. */
  readonly level: "broken" | "accepted" | "doubtful";
  /** What is promised and what is true. */
  readonly message: string;
  /** What a person can do. */
  readonly next: string;
}

/** One of a scenario's two promises beside the truth. All in minutes. */
export interface PromiseRow {
  readonly scenario: Scenario;
  readonly what: "RTO" | "RPO";
  readonly promised: number;
  /** What schedules, plan and thaw allow at worst; infinite: everything; undefined: it can't be told without a measurement. */
  readonly atWorst: number | undefined;
  /** What it would be now; undefined when the vault was not asked. */
  readonly now: number | undefined;
  /** What the last test took; undefined when there was none, or it does not measure this. */
  readonly measured: number | undefined;
  readonly state: "kept" | "broken" | "accepted" | "unmeasured";
}

/** What the vault says of the present. */
export interface VaultTruth {
  /** When the newest set's data was read; ISO 8601. */
  readonly newestSetAt: string | undefined;
  /** Bytes that were read from the source for it; undefined when that is not known. */
  readonly newestSetBytes?: number | undefined;
  /** Of the newest snapshot of the files; null when the vault of files was not asked. */
  readonly newestFilesAt: string | undefined | null;
  /** The proven set with the newest data. */
  readonly proven:
    | { readonly snapshotAt: string; readonly provenAt: string; readonly restoreSeconds: number }
    | undefined;
}

export interface PromiseFacts {
  readonly policy: Pick<Policy, "archive" | "tiers" | "promises" | "source">;
  readonly schedules: ReadSchedules;
  readonly now: Date;
  /** Undefined: not asked, or not reached. */
  readonly vault: VaultTruth | undefined;
}

export interface PromiseCheck {
  readonly rows: readonly PromiseRow[];
  readonly findings: readonly Finding[];
  /** No promise is broken that nobody has accepted. */
  readonly green: boolean;
  /** When it was looked at; ISO 8601. */
  readonly checkedAt: string;
  /** Whether the vault was asked. */
  readonly online: boolean;
  /** What the sets cost in bytes read from Supabase, as a sentence; undefined when it is not known. */
  readonly egress?: string | undefined;
}

export const scenarioNames: Readonly<Record<Scenario, string>> = {
  minorCorruption: "minor data corruption",
  databaseFailure: "database failure",
  completeLoss: "complete data loss",
  regionalDisaster: "regional disaster",
};

/** Days that Supabase keeps its own daily backups (supabase.com/docs/guides/platform/backups). */
export const planDays: Readonly<Record<PromisesPolicy["supabase"]["plan"], number>> = {
  free: 0,
  pro: 7,
  team: 14,
  enterprise: 30,
};

/** The most that point-in-time recovery loses (the same page). */
export const pitrMinutes = 2;

/** Minutes that a Standard retrieval takes at most (docs.aws.amazon.com, S3, "Archive retrieval options"). */
export const thawMinutes: Readonly<Record<Policy["archive"]["storageClass"], number>> = {
  GLACIER_IR: 0,
  GLACIER: 300,
  DEEP_ARCHIVE: 720,
};

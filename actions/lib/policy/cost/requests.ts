import type { Policy } from "../../config/policy/policy.ts";
import { keysLock } from "../../vault/keys-lock.ts";
import type { CostFacts } from "./facts.ts";
import {
  billed,
  type PutGet,
  type RequestCounts,
  requestsWhenDone,
  requestsWhenSkipped,
  together,
  type VaultState,
} from "./request-model.ts";
import { runKinds, type ScheduledRuns } from "./scheduled-runs.ts";
import { monthDays, type SetsOfMonth } from "./stays.ts";

export interface OfMonth {
  readonly policy: Policy;
  readonly facts: CostFacts;
  readonly runs: ScheduledRuns;
  /** From now on. */
  readonly month: number;
  readonly sets: SetsOfMonth;
  /** The files' vault in the middle of the month. */
  readonly files: { readonly storedBytes: number; readonly objects: number };
}

/** Days of reports that are read, the day that is not over yet included. */
const reportDays = 14.5;
/** A month is looked at so many times, at equal distances: what is read grows in its course. */
const looks = 8;

/** What the schedules ask the stores for in one month. Pure. */
export function requestsOfMonth(of: OfMonth): { readonly here: PutGet; readonly replica: PutGet } {
  const states = Array.from({ length: looks }, (_, index) => stateAt(of, (index + 0.5) / looks));
  const share = 1 / (12 * looks);
  let [put, get] = [0, 0];
  const add = (counts: RequestCounts, times: number): void => {
    const asked = billed(counts);
    put += asked.put * times;
    get += asked.get * times;
  };
  for (const state of states) {
    for (const kind of runKinds) {
      const { attempts, done } = of.runs.runs[kind];
      add(requestsWhenDone(kind, state), done * share);
      add(requestsWhenSkipped(kind, state), (attempts - done) * share);
    }
  }
  add(beside(of), 1);
  const { watched, replicated } = ofReplica(of);
  const has = of.policy.promises.vault.replicaRegion !== null;
  return {
    here: { put, get: get + (has ? watched : 0) },
    replica: has ? { put: replicated, get: watched } : { put: 0, get: 0 },
  };
}

/** @param part of the month that is over, 0 to 1 */
function stateAt({ policy, facts, runs, month, sets, files }: OfMonth, part: number): VaultState {
  const { made, kept, shapes } = sets;
  const copies = runs.runs.files.done / 12;
  const snapshots = snapshotsKept(policy, copies, facts.present.length > 0 ? Number.POSITIVE_INFINITY : month);
  const reports = Object.values(runs.runs).reduce((sum, { attempts }) => sum + attempts, 0) / 365.25;
  const there = kept.daily + kept.weekly + kept.monthly;
  return {
    ...{ sets: kept, snapshots, shapes, reports: reports * reportDays },
    inMonth: { sets: part * (made.daily + made.weekly + made.monthly), snapshots: part * copies },
    objects: reports * policy.retention.records.reports + there * shapes.daily.objects + snapshots * 9 + files.objects,
    removals: removalsOf({ policy, runs, month, sets }),
    newObjects: copies === 0 ? 0 : (facts.files?.newObjects ?? 0) / copies,
    partsOfObject: partsOfObject(facts.files, policy),
  };
}

/** Sets and snapshots whose term ends, a run of retention. As many go as are made, once the first have become old enough. */
function removalsOf({ policy, runs, month, sets }: Pick<OfMonth, "policy" | "runs" | "month" | "sets">) {
  const tiers = ["daily", "weekly", "monthly"] as const;
  const goes = tiers.filter((tier) => (month + 0.5) * monthDays >= policy.tiers[tier].retentionDays);
  const gone = goes.reduce((sum, tier) => sum + sets.made[tier], 0);
  const copies = goes.includes("daily") ? runs.runs.files.done / 12 : 0;
  const times = Math.max(1, runs.runs.retention.done / 12);
  return { sets: gone / times, copies: copies / times };
}

/** A pack, or a large file, of the size that new ones have. */
function partsOfObject(files: CostFacts["files"], { vault }: Policy): number {
  if (files === null || files.newObjects === 0) return 1;
  return Math.max(1, Math.ceil(files.newStoredBytes / files.newObjects / vault.partBytes));
}

/** One a week and one a month are kept as long as the sets of those tiers, the others as daily ones. */
function snapshotsKept({ tiers }: Policy, copies: number, month: number): number {
  const kept = (perMonth: number, days: number): number => perMonth * Math.min(month + 0.5, days / monthDays);
  const weekly = Math.min(copies, monthDays / 7);
  const monthly = Math.min(copies, 1);
  const daily = Math.max(0, copies - weekly - monthly);
  const { retentionDays: term } = tiers.daily;
  return kept(daily, term) + kept(weekly, tiers.weekly.retentionDays) + kept(monthly, tiers.monthly.retentionDays);
}

/** What does not hang on a kind of run alone: locks that are renewed, files that are opened. */
function beside({ policy, runs, sets, files }: OfMonth): RequestCounts {
  const { days, renewDays } = keysLock;
  const tiers = ["daily", "weekly", "monthly"] as const;
  const keys = tiers.reduce((sum, tier) => {
    // Locked for 90 days at least; renewed when less than 75 are left, every 15 days until the set goes.
    const term = policy.tiers[tier].retentionDays;
    const times = Math.ceil(Math.max(0, term - Math.max(term, days) + renewDays) / (days - renewDays));
    // keys.pgp and secrets.pgp.
    return sum + 2 * times * sets.made[tier];
  }, 0);
  const locked = files.objects * (monthDays / (policy.storage.retention.lockDays / 2));
  const opened = (runs.opened + runs.runs.drill.done) / 12;
  return together([
    { PutObjectRetention: keys + locked, GetObjectRetention: 2 * (keys + locked) },
    { GetObject: opened * Math.max(files.objects, files.storedBytes / policy.vault.partBytes) },
  ]);
}

/** What S3 writes there, and what publish and monitor ask about the newest of everything, on both sides. */
function ofReplica({ policy, facts, runs, sets }: OfMonth) {
  const { made, shapes } = sets;
  const reports = Object.values(runs.runs).reduce((sum, { attempts }) => sum + attempts, 0) / 12;
  const copies = runs.runs.files.done / 12;
  const parts = partsOfObject(facts.files, policy);
  const uploads = made.daily * shapes.daily.uploads + made.weekly * shapes.weekly.uploads;
  const newest = shapes.daily.objects + shapes.weekly.objects + shapes.monthly.objects + 9;
  return {
    watched: ((runs.runs.publish.done + runs.runs.monitor.done) / 12) * newest,
    replicated:
      uploads +
      made.monthly * shapes.monthly.uploads +
      copies * 9 +
      (facts.files?.newObjects ?? 0) * (parts === 1 ? 1 : parts + 2) +
      reports,
  };
}

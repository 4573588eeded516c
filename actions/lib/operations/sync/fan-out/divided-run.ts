import { OperationError } from "../../../base/errors.ts";
import type { FanOutPolicy } from "../../../config/policy/storage.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import type { SourceRow } from "../../../storage/rows.ts";
import { pathOf } from "../../../vault/format/file-entry.ts";
import { syncLease } from "../../../vault/format/names.ts";
import { joinRunLease, type RunLease } from "../../../vault/lease/run-lease.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import type { SyncRequest, SyncResult } from "../request.ts";
import { runSync } from "../run-sync.ts";
import { type FanOutPlan, openPlanStore, type PartResult, planMissing } from "./plan-store.ts";

/** One job of a run that may be divided. */
export interface DividedRun {
  /** What every job of the run says alike; vault and lease are the run's own. */
  readonly request: Omit<SyncRequest, "vault" | "lease" | "part" | "dryRun">;
  readonly vault: Vault;
  readonly signing: UnlockedKey;
  /** Names the run for all its jobs, e.g. GitHub's run id. */
  readonly run: string;
  /** Who works, in words for people. */
  readonly holder: string;
}

export type Planned =
  /** One runner was enough, and has done it all. */
  | { readonly kind: "done"; readonly result: SyncResult }
  /** Numbers of the parts that are still to be copied. */
  | { readonly kind: "divided"; readonly plan: FanOutPlan; readonly parts: readonly number[] };

/**
 * The first job: looks what is to be copied. What one runner can do is done at once; more is divided, and the plan goes
 * into the vault. A run that is tried again finds its plan, and only the parts that were lost.
 * @throws as `runSync`; ConfigurationError `lease-held`
 */
export async function planRun(job: DividedRun): Promise<Planned> {
  const { request, vault } = job;
  const lease = await joinLease(job);
  try {
    const store = openPlanStore(vault, job.run, job.signing);
    const before = await store.read();
    if (before !== undefined) {
      const results = await store.results(before);
      const parts = numbers(before).filter((part) => !results.has(part));
      // All were copied, and the last job was lost: it has only to be tried again.
      return { kind: "divided", plan: before, parts: parts.length > 0 ? parts : numbers(before) };
    }
    const rows: Pick<SourceRow, "bucket" | "name" | "rowBytes">[] = [];
    const { storage } = request.config.policy;
    await runSync({ ...request, vault, dryRun: true, onToCopy: (row) => void rows.push(row) });
    const loads = rows.map(({ rowBytes }) => ({ bytes: rowBytes ?? 0 }));
    const total = { files: rows.length, bytes: loads.reduce((sum, { bytes }) => sum + bytes, 0) };
    const runners = runnersFor(total, storage.fanOut);
    if (runners <= 1) {
      const result = await runSync({ ...request, vault, lease });
      await lease.release();
      return { kind: "done", result };
    }
    const parts = divide(loads, runners, storage.smallFileBytes);
    const plan: FanOutPlan = {
      ...{ format: "lifeboat-files-plan/1", listedAt: new Date().toISOString() },
      parts: parts.map((places) => ({
        files: places.length,
        bytes: places.reduce((sum, place) => sum + (loads[place]?.bytes ?? 0), 0),
      })),
    };
    await store.write(
      plan,
      parts.map((places) => places.flatMap((place) => rows[place] ?? [])),
    );
    return { kind: "divided", plan, parts: numbers(plan) };
  } finally {
    lease.leave();
  }
}

/**
 * One job of the matrix: copies its part, and leaves a journal of what is in the vault. What an earlier attempt has copied
 * is not copied again.
 * @throws OperationError `plan-missing`; as `runSync`
 */
export async function copyPart(job: DividedRun, part: number): Promise<PartResult> {
  const { request, vault } = job;
  const lease = await joinLease(job);
  try {
    const store = openPlanStore(vault, job.run, job.signing);
    const plan = await store.read();
    if (plan === undefined) throw planMissing(job.run);
    const done = (await store.results(plan)).get(part);
    if (done !== undefined) return done;
    const mine = new Set((await store.files(part)).map(pathOf));
    const { counts } = await runSync({ ...request, vault, lease, part: { has: (row) => mine.has(pathOf(row)) } });
    const result: PartResult = {
      ...{ format: "lifeboat-files-part/1", part, filesCopied: counts.filesCopied },
      ...{ bytesCopied: Number(counts.bytesCopied), egressBytes: Number(counts.egressBytes) },
    };
    await lease.assertHeld();
    await store.done(plan, result);
    return result;
  } finally {
    lease.leave();
  }
}

/**
 * The last job: one snapshot of everything, when every part is in the vault; else none. Either way the lease is given back.
 * @throws OperationError `parts-missing` names them, `plan-missing`; as `runSync`
 */
export async function commitRun(job: DividedRun): Promise<SyncResult> {
  const { request, vault, run } = job;
  await using lease = await joinLease(job);
  const store = openPlanStore(vault, run, job.signing);
  const plan = await store.read();
  if (plan === undefined) throw planMissing(run);
  const results = await store.results(plan);
  const missing = numbers(plan).filter((part) => !results.has(part));
  if (missing.length > 0) {
    throw new OperationError(
      "parts-missing",
      `Of ${plan.parts.length} parts of the copy ${missing.length} did not come to their end: ${missing.join(", ")}. No snapshot was made.`,
      "See why in the jobs of these parts, then use Re-run failed jobs: only they are copied again.",
    );
  }
  const egress = [...results.values()].reduce((sum, { egressBytes }) => sum + egressBytes, 0);
  const result = await runSync({ ...request, vault, lease, earlierEgressBytes: egress });
  await store.close(plan);
  return result;
}

function joinLease({ vault, run, holder }: DividedRun): Promise<RunLease> {
  return joinRunLease(vault, syncLease, { run, holder });
}

function numbers({ parts }: FanOutPlan): number[] {
  return parts.map((_, index) => index + 1);
}

/** Whatever can be copied: all that counts here is how much there is of it. */
export interface Load {
  readonly bytes: number;
}

/** How many runners a copy needs. 0 when there is nothing to copy. */
export function runnersFor(total: { readonly files: number; readonly bytes: number }, policy: FanOutPolicy): number {
  if (total.files === 0) return 0;
  const wanted = Math.max(total.files / policy.filesPerRunner, total.bytes / policy.bytesPerRunner);
  return Math.max(1, Math.min(Math.ceil(wanted), policy.mostRunners, total.files));
}

/**
 * Divides what is to be copied into parts of about equal bytes. Large files go one by one to whoever has least; small ones
 * follow in their order, so that neighbours stay together and travel in the same packs. Each part keeps the given order.
 *
 * @param parts at least 1
 * @param largeBytes from this size on a file travels alone, and need not stay with its neighbours
 * @returns `parts` lists of places in `loads`, ascending; some are empty when there are fewer files than parts
 */
export function divide(loads: readonly Load[], parts: number, largeBytes: number): number[][] {
  const divided = Array.from({ length: parts }, () => ({ places: [] as number[], bytes: 0 }));
  const give = (part: (typeof divided)[number], place: number): void => {
    part.places.push(place);
    part.bytes += weightOf(loads[place]);
  };
  const places = [...loads.keys()];
  const isLarge = (place: number): boolean => (loads[place]?.bytes ?? 0) >= largeBytes;
  const large = places.filter(isLarge).sort((a, b) => weightOf(loads[b]) - weightOf(loads[a]) || a - b);
  for (const place of large) {
    const least = divided.reduce((best, part) => (part.bytes < best.bytes ? part : best));
    give(least, place);
  }
  const share = loads.reduce((sum, load) => sum + weightOf(load), 0) / parts;
  let current = 0;
  for (const place of places) {
    if (isLarge(place)) continue;
    const half = weightOf(loads[place]) / 2;
    // A file goes where most of it fits; the last part takes what is left.
    while (current < parts - 1 && (divided[current]?.bytes ?? 0) + half > share) current++;
    const part = divided[current];
    if (part !== undefined) give(part, place);
  }
  return divided.map((part) => part.places.sort((a, b) => a - b));
}

/** An empty file still costs a request: without it, a million of them would all go to one part. */
function weightOf(load: Load | undefined): number {
  return (load?.bytes ?? 0) + 4096;
}

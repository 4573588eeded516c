import { createHash } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import { countOf, formatBytes } from "../../base/measures.ts";
import type { FanOutPolicy } from "../../config/policy/storage.ts";
import type { Outcome } from "../../report/run/run-report.ts";
import { syncLease } from "../../vault/format/names.ts";
import { pathOf } from "../../vault/format/snapshot-manifest.ts";
import { joinRunLease, type RunLease } from "../../vault/lease/run-lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { SyncRequest, SyncResult } from "./request.ts";
import { runSync } from "./run-sync.ts";

/** One job of a run that may be divided. */
export interface DividedRun {
  /** What every job of the run says alike; vault and lease are the run's own. */
  readonly request: Omit<SyncRequest, "vault" | "lease" | "part" | "dryRun">;
  readonly vault: Vault;
  /** Names the run for all its jobs, e.g. GitHub's run id. */
  readonly run: string;
  /** Who works, in words for people. */
  readonly holder: string;
}

/** What is to be copied. */
export interface Load {
  readonly files: number;
  readonly bytes: number;
}

export type Planned =
  /** One runner was enough, and has done it all. */
  | { readonly kind: "done"; readonly result: SyncResult }
  | { readonly kind: "divided"; readonly total: Load; readonly parts: number };

/** How many runners a copy needs. 0 when there is nothing to copy. */
export function runnersFor(total: Load, policy: FanOutPolicy): number {
  if (total.files === 0) return 0;
  const wanted = Math.max(total.files / policy.filesPerRunner, total.bytes / policy.bytesPerRunner);
  return Math.max(1, Math.min(Math.ceil(wanted), policy.mostRunners, total.files));
}

/** Which of so many parts copies a file: 1 and up. All jobs find the same without a word between them. */
export function partOf(path: string, parts: number): number {
  return (createHash("md5").update(path).digest().readUInt32BE(4) % parts) + 1;
}

/**
 * The first job: looks what is to be copied. What one runner can do is done at once.
 * @throws as `runSync`; ConfigurationError `lease-held`
 */
export async function planRun(job: DividedRun): Promise<Planned> {
  const { request, vault } = job;
  const lease = await joinLease(job);
  try {
    const { counts } = await runSync({ ...request, vault, dryRun: true });
    const total = { files: counts.filesCopied, bytes: Number(counts.bytesCopied) };
    const parts = runnersFor(total, request.config.policy.storage.fanOut);
    if (parts > 1) return { kind: "divided", total, parts };
    const result = await runSync({ ...request, vault, lease });
    await lease.release();
    return { kind: "done", result };
  } finally {
    lease.leave();
  }
}

/**
 * One job of the matrix: copies its part, and leaves a journal of what is in the vault. What an earlier attempt has copied
 * is not copied again.
 * @throws as `runSync`
 */
export async function copyPart(job: DividedRun, part: number, parts: number): Promise<SyncResult> {
  const { request, vault } = job;
  const lease = await joinLease(job);
  try {
    const mine = { has: (row: Parameters<typeof pathOf>[0]) => partOf(pathOf(row), parts) === part };
    return await runSync({ ...request, vault, lease, part: mine });
  } finally {
    lease.leave();
  }
}

/**
 * The last job: one snapshot of everything, when every part is in the vault; else none. Either way the lease is given back.
 * @param copied whether all jobs of the matrix ended well
 * @throws OperationError `parts-missing`; as `runSync`
 */
export async function commitRun(job: DividedRun, copied: boolean): Promise<SyncResult> {
  await using lease = await joinLease(job);
  if (!copied) {
    throw new OperationError(
      "parts-missing",
      "Not every part of the copy came to its end. No snapshot was made.",
      "See why in the jobs of the parts, then use Re-run failed jobs: what was copied is not copied again.",
    );
  }
  return await runSync({ ...job.request, vault: job.vault, lease, inParts: true });
}

function joinLease({ vault, run, holder }: DividedRun): Promise<RunLease> {
  return joinRunLease(vault, syncLease, { run, holder });
}

/** How a copy was divided; its parts are the numbers of the matrix. */
export function reportPlan(total: Load, parts: number): Outcome {
  const numbers = Array.from({ length: parts }, (_, index) => index + 1);
  const [files, bytes] = [countOf(total.files, "file"), formatBytes(total.bytes)];
  return {
    outputs: { made: "false", parts: JSON.stringify(numbers) },
    page: {
      title: "Files: a copy for several runners",
      sentence: `${files}, ${bytes} are to be copied, in ${countOf(parts, "part")}.`,
      tables: [],
    },
    facts: {},
    unfinished: true,
  };
}

export function reportPart(part: number, { counts }: SyncResult): Outcome {
  const copied = `${countOf(counts.filesCopied, "file")}, ${formatBytes(Number(counts.bytesCopied))}`;
  return {
    outputs: { made: "false", "files-copied": String(counts.filesCopied) },
    page: { title: `Files: part ${part}`, sentence: `Part ${part} is in the vault: ${copied}.`, tables: [] },
    facts: {},
    unfinished: true,
  };
}

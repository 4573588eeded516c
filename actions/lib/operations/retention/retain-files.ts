import { openGate } from "./gate.ts";
import type { ExtendedLocks } from "./locks.ts";
import { extendKept, markLocks } from "./locks.ts";
import { lostSnapshots } from "./lost-snapshots.ts";
import { type BesideFiles, type FilesVaultPlan, planFilesVault } from "./plan-files.ts";
import { removeLitter, removeRecords } from "./records.ts";
import type { RemovalsDone } from "./removal-loop.ts";
import { noteRemoval } from "./removal-note.ts";
import { removeFiles } from "./remove-files.ts";
import { surveyFiles } from "./survey.ts";
import type { RetentionTools } from "./tools.ts";

/** What was, or would be, done for the vault of the files. */
export interface FilesRetention extends FilesVaultPlan {
  /** Null when the bucket cannot lock. */
  readonly locks: ExtendedLocks | null;
  /** Null: a rehearsal. */
  readonly removals: RemovalsDone | null;
  /** Object versions that went, or that a lock, a hold or a missing right keeps. */
  readonly deleted: number;
  readonly keptBack: number;
}

/**
 * Extends the locks of what the snapshots name that stay, then removes the others, and what nothing names.
 * @throws OperationError `lease-lost`, `lock-failed`, `s3-unavailable`
 */
export async function retainFiles(tools: RetentionTools, beside: BesideFiles): Promise<FilesRetention> {
  const { vault, lease, holds, log, now } = tools;
  const { following } = tools;
  const found = await surveyFiles(vault, tools.verify);
  // A replica's objects go when the vault has none of them any more, and it is the vault that extends locks.
  const survey =
    following === undefined
      ? found
      : { ...found, objects: found.objects.filter(({ key }) => !following.hasObject(key)) };
  const lost = await lostSnapshots(vault, survey, { ...tools, register: holds.register });
  const alarms = [...survey.alarms, ...lost.alarms];
  for (const alarm of alarms) log.warn(alarm);
  const planned = planFilesVault({ ...tools, stop: lost.why ?? tools.stop }, { ...survey, alarms }, beside);
  const { go, stay, heldBack } = planned.plan;
  const until = new Map(stay.map((one) => [one.set, one.until]));
  const kept = survey.snapshots.flatMap((one) => {
    const stays = until.get(one.set);
    return stays === undefined ? [] : [{ ...one, until: stays }];
  });
  const time = new Date(now);
  const bucketLocks = tools.bucketLocks && following === undefined;
  const locks = await extendKept(survey, kept, { ...tools, bucketLocks, now: time, dryRun: lease === null });
  if (lease !== null && following === undefined && alarms.length === 0) await markLocks(vault, tools.sign, time);
  if (heldBack !== null) log.warn(`Nothing is removed from the files' vault: ${heldBack}.`);
  if (lease !== null && following === undefined) await noteRemoval(vault, now, { sets: [], snapshots: go });
  const gate = lease && openGate({ lease, incident: tools.incident, held: () => holds.whyNow(go) });
  const removals = gate && (await removeFiles(vault, planned.plan, survey, gate, now));
  // Those of the replica go with its sets.
  const records =
    heldBack !== null || following !== undefined || (removals?.stopped ?? null) !== null
      ? null
      : await removeRecords(vault, { ...tools, gate, ofFiles: true, isThere: () => true });
  const litter = tools.stop === null ? await removeLitter(vault, gate, now) : null;
  const parts = [removals, records, litter].filter((one) => one !== null);
  return {
    ...{ ...planned, locks, removals, alarms: [...planned.alarms, ...(records?.alarms ?? [])] },
    deleted: parts.reduce((sum, { deleted }) => sum + deleted, 0),
    keptBack: parts.reduce((sum, { kept }) => sum + kept, 0),
  };
}

import { countOf, formatBytes } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import { meddlingFailure } from "../../report/run/outcome.ts";
import type { Told } from "../operation.ts";
import type { VaultsRetention } from "./apply-retention.ts";
import type { LeftoversRemoved } from "./remove.ts";
import type { RetentionResult } from "./run-retention.ts";

/** What was, or would be, done for the vaults. */
export function retentionPage({ database, files }: VaultsRetention, dryRun: boolean): Page {
  const both = [database, files].filter((one) => one !== null);
  const keptBack = both.reduce((sum, one) => sum + one.keptBack, 0);
  return {
    title: "Retention of the vaults",
    sentence: [database && ofDatabase(database, dryRun), files && ofFiles(files, dryRun)]
      .filter((one) => one !== null)
      .join(" "),
    tables: [
      {
        title: "Going",
        header: ["what", "id"],
        rows: [
          ...(database?.sets ?? []).map((set) => ["unfinished database set", set]),
          ...(files?.retention.go ?? []).map((set) => ["snapshot of the files", set]),
        ],
      },
    ],
    notes: [
      ...both.flatMap(({ alarms }) => alarms),
      ...(files === null ? [] : [ofLocks(files, dryRun)]),
      ...(keptBack > 0
        ? [`${countOf(keptBack, "object version")} stay for now: locked still, or not for this role to delete.`]
        : []),
    ],
  };
}

function ofDatabase({ sets, deleted }: LeftoversRemoved, dryRun: boolean): string {
  if (deleted === 0) return "Nothing in the database's vault is left over.";
  const what = `${countOf(deleted, "object version")} in the database's vault, of ${countOf(sets.length, "unfinished set")} and of leases`;
  return dryRun ? `Dry run: ${what} would go; nothing was removed.` : `Removed ${what}.`;
}

function ofFiles({ retention, deleted }: RetentionResult, dryRun: boolean): string {
  const { go, stay, unnamed, unnamedBytes, heldBack } = retention;
  const kept = `${countOf(stay.length, "snapshot")} of the files kept.`;
  const objects = countOf(unnamed.length, "object");
  const gone = `${countOf(go.length, "snapshot")} and ${objects} (${formatBytes(unnamedBytes)}) that no other names`;
  if (heldBack !== null) return `${kept} Nothing is removed: ${heldBack}.`;
  if (unnamed.length === 0) return `${kept} Nothing is there that the policy no longer keeps.`;
  if (dryRun) return `${kept} Dry run: ${gone} would go; nothing was removed.`;
  return `${kept} Removed ${countOf(deleted, "object version")} of ${gone}.`;
}

function ofLocks({ locks }: RetentionResult, dryRun: boolean): string {
  if (locks === null) return "The bucket cannot lock objects: whoever has its credentials can delete every file.";
  const changed = dryRun ? `${locks.due.length} would be extended` : `${countOf(locks.extended, "lock")} extended`;
  return `${countOf(locks.runs, "run")} of locks looked at; ${changed}.`;
}

/** What was done for the vaults. What no snapshot names is counted in JSON: it may be a million objects. */
export function reportRetention(done: VaultsRetention, rehearsal: boolean): Told {
  const { database, files } = done;
  const { retention, locks = null, deleted = 0, keptBack = 0 } = files ?? {};
  const { unnamed = [], ...rest } = retention ?? {};
  const alarms = [...(database?.alarms ?? []), ...(files?.alarms ?? [])];
  const ofFiles = retention === undefined ? null : { ...rest, unnamedObjects: unnamed.length };
  const failure = meddlingFailure(alarms);
  return {
    result: { retention: ofFiles, locks, deleted, keptBack, alarms, database },
    page: retentionPage(done, rehearsal),
    ...(failure !== undefined && { failure }),
  };
}

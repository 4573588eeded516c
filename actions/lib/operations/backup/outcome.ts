import type { Log } from "../../base/log.ts";
import type { Period } from "../../policy/period.ts";
import { renderText } from "../../report/page.ts";
import { meddlingFailure } from "../../report/run/outcome.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";
import type { Told } from "../operation.ts";
import { snapshotFacts } from "../sync/outcome.ts";
import { syncPage } from "../sync/page.ts";
import { backupPage, nothingToDoPage, standBackPage } from "./page.ts";
import type { BackupResult } from "./result.ts";

const next = "Open the snapshot's findings with a private key; what fails a run is the policy's storage.failOn.";

/** A set was made; what was found in its files, or in the vault, may fail the run all the same. */
export function reportBackup(result: BackupResult): Told {
  const found = result.files?.failure;
  const failure =
    meddlingFailure([...result.alarms, ...(result.files?.alarms ?? [])]) ??
    (typeof found === "string" ? { code: "files-found", message: found, next } : undefined);
  const page = backupPage(result);
  const files = result.files === undefined ? [] : [...renderText(syncPage(result.files)), ""];
  return {
    ...{ result, page, lines: [...files, ...renderText(page)], facts: backupFacts(result) },
    outputs: { made: "true", set: result.set, prefix: result.prefix, "stored-bytes": result.counts.storedBytes },
    ...(failure !== undefined && { failure }),
  };
}

/** The vault has the set that would have been made. @param unasked nobody has said `once-per`: that can be overruled */
export function reportMade(made: Manifest, period: Period, unasked: boolean): Told {
  const page = nothingToDoPage(made, period);
  const notes = unasked ? { ...page, notes: ["Give --again to make another all the same."] } : page;
  const outputs = { made: "false", set: made.set };
  return { result: { made: made.set }, page: notes, outputs, facts: setFacts(made), skipped: true };
}

export function reportStandBack(tier: Tier, why: string, log: Log): Told {
  const page = standBackPage(tier, why);
  log.warn(page.sentence);
  return { result: { made: null }, page, outputs: { made: "false" }, skipped: true };
}

export function backupFacts({ set, tier, snapshotAt, bucket, counts, stages, files }: BackupResult): RunFacts {
  return {
    ...setFacts({ set, tier, snapshotAt, counts }),
    bucket,
    // The files that were copied in the same snapshot.
    ...(files === undefined ? {} : { files: snapshotFacts(files).files }),
    stages: [...stages],
  };
}

/** Of a set that was there already. */
export function setFacts({
  set,
  tier,
  snapshotAt,
  counts,
}: Pick<Manifest, "set" | "tier" | "snapshotAt" | "counts">): RunFacts {
  return {
    set,
    tier,
    snapshotAt,
    plainBytes: Number(counts.plainBytes),
    storedBytes: Number(counts.storedBytes),
    tables: counts.tables,
    rows: Number(counts.rows),
  };
}

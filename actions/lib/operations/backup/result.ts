import type { StageTime } from "../../base/flow/stages.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";
import type { SyncResult } from "../sync/request.ts";

/** What a finished backup tells about itself. Nothing in it is secret. */
export interface BackupResult {
  readonly set: string;
  readonly tier: Tier;
  readonly bucket: string;
  readonly prefix: string;
  readonly startedAt: string;
  readonly snapshotAt: string;
  readonly finishedAt: string;
  readonly retainUntil: string | null;
  readonly counts: Manifest["counts"];
  readonly artifacts: readonly {
    readonly name: string;
    readonly kind: string;
    readonly plainBytes: number;
    readonly storedBytes: number;
  }[];
  /** The files that were copied with it, when they were. */
  readonly files?: SyncResult;
  readonly stages: readonly StageTime[];
  readonly warnings: readonly string[];
  /** What somebody else did to the vault. Not empty: the run has failed, although its set is published. */
  readonly alarms: readonly string[];
}

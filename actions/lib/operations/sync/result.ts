import type { StageTime } from "../../base/flow/stages.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";

/** What a sync tells about itself. Nothing in it is secret, and no file is named. */
export interface SyncResult {
  /** `rehearsed`: a dry run. `part`: one job of a divided copy, which publishes nothing. */
  readonly outcome: "published" | "rehearsed" | "part";
  readonly set: string;
  readonly bucket: string;
  /** Null for a first or full copy. */
  readonly previous: string | null;
  readonly databaseSet: SnapshotManifest["databaseSet"];
  readonly snapshotAt: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly list: "database" | "endpoint";
  /** In a dry run: what would be copied. */
  readonly counts: SnapshotManifest["counts"];
  readonly inBuckets: readonly {
    readonly bucket: string;
    readonly files: number;
    readonly bytes: number;
    readonly lost: number;
  }[];
  /** Why the run failed although its snapshot is published: findings that the policy does not accept. */
  readonly failure: string | null;
  readonly stages: readonly StageTime[];
  readonly warnings: readonly string[];
  /** What somebody else did to the vault. Not empty: the run has failed, although its snapshot is published. */
  readonly alarms: readonly string[];
}

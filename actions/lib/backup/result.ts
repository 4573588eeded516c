import type { Manifest, Tier } from "../vault/manifest.ts";
import type { StageTime } from "./stage-clock.ts";

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
  readonly stages: readonly StageTime[];
  readonly warnings: readonly string[];
}

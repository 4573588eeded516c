import type { FileFinding } from "./verify-files.ts";

/** What a restore of files tells when it has ended: counts, ids and buckets, never a path. */
export interface FilesResult {
  /**
   * `equal`: every chosen file was read back and its row compared. `sampled`: as far as the sample that was asked for goes.
   * `differs`, `unverified`: see the findings.
   */
  readonly outcome: "equal" | "sampled" | "differs" | "unverified" | "dry-run";
  readonly snapshot: string;
  readonly takenAt: string;
  readonly target: string;
  readonly counts: {
    readonly chosen: number;
    readonly bytes: number;
    /** Sent now; in a dry run: would be sent. */
    readonly sent: number;
    readonly sentBytes: number;
    /** There with other bytes when the run began. */
    readonly different: number;
    readonly overwritten: number;
    /** There already, with the same bytes. */
    readonly present: number;
    readonly rowsMended: number;
    readonly readBack: number;
    readonly findings: number;
  };
  readonly bucketsMade: readonly string[];
  /** Buckets whose limits were lifted for the time, and are back. */
  readonly limitsLifted: readonly string[];
  /** The first hundred; `counts.findings` tells how many there are. */
  readonly findings: readonly FileFinding[];
  readonly notes: readonly string[];
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
}

import type { Client } from "pg";
import { countOf } from "../../base/measures.ts";
import { type Choice, Chooser } from "./selection.ts";
import { bucketDifferences, readBuckets, unknownOwners, waitingTriggers } from "./target-rows.ts";
import type { SnapshotFile, SnapshotFiles } from "./vault-snapshot.ts";
import type { FileDifference } from "./verify-files.ts";

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
    readonly rowsRepaired: number;
    readonly readBack: number;
    readonly findings: number;
  };
  readonly bucketsMade: readonly string[];
  /** Buckets whose limits were lifted for the time, and are back. */
  readonly limitsLifted: readonly string[];
  /** The first hundred; `counts.findings` tells how many there are. */
  readonly findings: readonly FileDifference[];
  readonly notes: readonly string[];
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
}

interface Task {
  readonly snapshot: Pick<SnapshotFiles, "buckets" | "lost">;
  readonly choice: Choice;
  /** The rows are brought later: who owns the files is not there yet, and will be. */
  readonly rowsComeFirst?: boolean | undefined;
}

/** What a person should know of the target, beside what is done to the files. */
export async function notesOn(
  client: Client,
  { snapshot, choice, rowsComeFirst }: Task,
  chosen: readonly SnapshotFile[],
): Promise<string[]> {
  const notes: string[] = [];
  const present = await readBuckets(client);
  for (const bucket of snapshot.buckets) {
    const there = present.get(bucket.id);
    const differences = there === undefined ? [] : bucketDifferences(bucket, there);
    if (differences.length > 0)
      notes.push(`bucket ${bucket.id} of the target ${differences.join(", ")}: left as it is`);
  }
  const firing = await waitingTriggers(client);
  if (firing.length > 0)
    notes.push(
      `${countOf(firing.length, "trigger")} of the target's own fire for each file that comes: ${firing.join(", ")}`,
    );
  const chooser = new Chooser(choice);
  const lost = snapshot.lost.reduce((sum, one) => sum + (chooser.wantsBucket(one.bucket) ? one.lost : 0), 0);
  if (lost > 0)
    notes.push(
      `${countOf(lost, "file")} had been lost at the source before: the snapshot has no bytes of ${lost === 1 ? "it" : "them"}`,
    );
  if (rowsComeFirst === true) return notes;
  // Clients without an account leave an empty one, which is nobody.
  const owners = new Set(chosen.flatMap(({ ownerId }) => ownerId || []));
  const unknown = await unknownOwners(client, [...owners]);
  if (unknown === undefined) notes.push("whether the owners exist could not be looked up: auth.users cannot be read");
  else if (unknown > 0) {
    // Counted, not named: with other sign-in services an owner may be an address.
    const count = countOf(unknown, "owner");
    notes.push(
      `${count} of files ${unknown === 1 ? "does" : "do"} not exist in the target's auth.users: the files keep them, and row level security lets nobody else in`,
    );
  }
  return notes;
}

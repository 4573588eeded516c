import { countOf, formatBytes, formatCount } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { ListedSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { describeCounts } from "../sync/source/tally.ts";

/** The files' snapshots as a page, newest first as they came. */
export function snapshotListPage(bucket: string, snapshots: readonly ListedSnapshot[]): Page {
  const newest = snapshots.find(({ manifest }) => manifest !== null)?.manifest;
  return {
    title: "Snapshots of the files",
    sentence:
      newest === undefined || newest === null
        ? `There is no ${snapshots.length === 0 ? "" : "usable "}snapshot of the files in bucket ${bucket}.`
        : `${countOf(snapshots.length, "snapshot")} in bucket ${bucket}; the newest is of ${newest.snapshotAt}.`,
    tables: [
      {
        header: ["snapshot", "tier", "of", "files", "bytes", "copied", "added", "found", "with set"],
        rows: snapshots.map(({ set, manifest, signature }) =>
          manifest === null
            ? [set, "?", "?", "?", "?", "?", "?", signature, ""]
            : [
                ...[set, manifest.tier, manifest.snapshotAt, formatCount(manifest.counts.files)],
                ...[formatBytes(Number(manifest.counts.bytes)), formatCount(manifest.counts.filesCopied)],
                formatBytes(Number(manifest.counts.storedBytes)),
                describeCounts(manifest.counts.findings),
                manifest.databaseSet?.set ?? "",
              ],
        ),
      },
    ],
    notes: snapshots.flatMap(({ set, problem, signature }) =>
      problem === null ? [] : [`${set} is ${signature}: ${problem}`],
    ),
  };
}

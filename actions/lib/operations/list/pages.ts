import { countOf, formatBytes, formatCount } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { ListedSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import type { ListedSet } from "../../vault/sets/catalogue.ts";
import { describeCounts } from "../sync/source/tally.ts";

/** The catalogue as a page, newest first as it came. */
export function setListPage(
  bucket: string,
  sets: readonly (ListedSet & Partial<Held> & { readonly provenAt: string | null })[],
): Page {
  const newest = sets.find(
    ({ snapshotAt, problem, incident }) => snapshotAt !== null && problem === null && incident === null,
  );
  return {
    title: "Backup sets",
    sentence:
      newest === undefined
        ? `There is no ${sets.length === 0 ? "" : "usable "}set in bucket ${bucket}.`
        : `${countOf(sets.length, "set")} in bucket ${bucket}; the newest is of ${newest.snapshotAt ?? "unknown time"}${provenWords(sets)}.`,
    tables: [
      {
        header: ["set", "tier", "snapshot", "tables", "rows", "database", "stored", "signature", "proven"],
        rows: sets.map(({ set, tier, snapshotAt, counts, storedBytes, signature, provenAt }) => [
          set,
          tier,
          snapshotAt ?? "?",
          counts === null ? "?" : formatCount(counts.tables),
          counts === null ? "?" : formatCount(counts.rows),
          counts === null ? "?" : formatBytes(Number(counts.databaseBytes)),
          storedBytes === null ? "?" : formatBytes(Number(storedBytes)),
          signature,
          provenAt?.slice(0, 10) ?? "not yet",
        ]),
      },
    ],
    notes: [...marks(sets), ...held(sets), ...problems(sets), ...unread(sets)],
  };
}

function unread(sets: readonly ListedSet[]): string[] {
  const count = sets.filter(({ signature }) => signature === "unchecked").length;
  return count === 0
    ? []
    : [`The manifests of ${countOf(count, "older set")} were not read: \`lifeboat list --all\` does.`];
}

function problems(
  listed: readonly { readonly set: string; readonly problem: string | null; readonly signature: string }[],
): string[] {
  return listed.flatMap(({ set, problem, signature }) =>
    problem === null ? [] : [`${set} is ${signature}: ${problem}`],
  );
}

/** Why a set is held, in words; null: it is not. */
export interface Held {
  readonly hold: string | null;
}

function held(listed: readonly ({ readonly set: string } & Partial<Held>)[]): string[] {
  const some = Map.groupBy(
    listed.filter(({ hold = null }) => hold !== null),
    ({ hold }) => hold,
  );
  return [...some].map(([hold, sets]) => `Held, ${sets.map(({ set }) => set).join(", ")}: ${hold}`);
}

/** What was made while an incident was on, told for each incident. */
function marks(listed: readonly { readonly set: string; readonly incident: string | null }[]): string[] {
  const marked = Map.groupBy(
    listed.filter(({ incident }) => incident !== null),
    ({ incident }) => incident,
  );
  return [...marked].map(
    ([incident, some]) =>
      `Made while incident ${incident} was on, and never the newest good one: ${some.map(({ set }) => set).join(", ")}`,
  );
}

function provenWords(
  sets: readonly Pick<ListedSet & { readonly provenAt: string | null }, "provenAt" | "snapshotAt" | "incident">[],
): string {
  const newest = sets.find(({ provenAt, incident }) => provenAt !== null && incident === null);
  return newest === undefined
    ? ", none is proven yet"
    : `, the newest proven one of ${newest.snapshotAt ?? "unknown time"}`;
}

/** The files' snapshots as a page, newest first as they came. */
export function snapshotListPage(bucket: string, snapshots: readonly (ListedSnapshot & Partial<Held>)[]): Page {
  const newest = snapshots.find(({ manifest }) => manifest !== null && manifest.incident === undefined)?.manifest;
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
    notes: [
      ...marks(snapshots.map(({ set, manifest }) => ({ set, incident: manifest?.incident ?? null }))),
      ...held(snapshots),
      ...problems(snapshots),
    ],
  };
}

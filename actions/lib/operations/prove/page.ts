import { countOf, formatBytes } from "../../base/measures.ts";
import { type Page, timeTable } from "../../report/page.ts";
import type { FilesComparison } from "../restore-files/compare-files.ts";
import type { Likely } from "./likely.ts";
import type { ProveResult } from "./run-prove.ts";

const titles: Readonly<Record<Likely, string>> = {
  damage: "May be damage",
  untold: "Changed or damaged: the database does not show which",
  changed: "Changed since the set",
};

/** How far a target is what a set says, and what differs most likely means. */
export function comparisonPage(result: ProveResult): Page {
  const { differences, files, stages } = result;
  const table = (title: string, some: ProveResult["differences"]) => ({
    title,
    header: ["kind", "identity", "aspect", "detail", "why"],
    rows: some.map(({ kind, identity, aspect, detail, why }) => [kind, identity, aspect, detail, why]),
  });
  return {
    title: `Comparison with ${result.set}`,
    sentence: [comparisonSentence(result), ...(files === undefined ? [] : [filesSentence(files)])].join(" "),
    tables: [
      ...(["damage", "untold", "changed"] as const).map((likely) =>
        table(
          titles[likely],
          differences.filter((one) => one.likely === likely),
        ),
      ),
      table(
        "Unverified",
        differences.filter(({ verdict }) => verdict === "unverified"),
      ),
      table(
        "Expected differences",
        differences.filter(({ verdict }) => verdict === "expected"),
      ),
      {
        title: "Files",
        header: ["verdict", "bucket", "id of the row", "aspect", "why"],
        rows: (files?.findings ?? []).map(({ verdict, bucket, id, aspect, why }) => [verdict, bucket, id, aspect, why]),
      },
      timeTable(stages),
    ],
    notes: files?.notes ?? [],
  };
}

/** The words `equal to set` stand in it only when nothing differs. */
export function comparisonSentence({ set, snapshotAt, target, counts, differences }: ProveResult): string {
  const place = `${target.name} (database ${target.database}, ${target.kind} PostgreSQL ${target.serverVersion})`;
  const amount = `${countOf(counts.objects, "object")}, ${countOf(counts.tables, "table")}, ${countOf(counts.rows, "row")}`;
  const count = (likely: Likely) => differences.filter((one) => one.likely === likely).length;
  const of = (verdict: string) => differences.filter((one) => one.verdict === verdict).length;
  const failed = of("failed");
  if (failed > 0) {
    const parts = [
      `${count("damage")} may be damage`,
      `${count("changed")} changed since the set`,
      `of ${count("untold")} the database does not show which`,
    ];
    return `${countOf(failed, "thing")} of ${place} DIFFER from set ${set} (as of ${snapshotAt}): ${parts.join(", ")}.`;
  }
  if (of("unverified") > 0) {
    return `Nothing of ${place} was found to differ from set ${set}, but ${countOf(of("unverified"), "thing")} could not be verified.`;
  }
  return `${place} is equal to set ${set} (as of ${snapshotAt}): ${amount}, ${countOf(of("expected"), "expected difference")}.`;
}

function filesSentence({ outcome, snapshot, counts }: FilesComparison): string {
  const chosen = `${countOf(counts.chosen, "file")} (${formatBytes(counts.bytes)}) of snapshot ${snapshot}`;
  switch (outcome) {
    case "equal":
      return `The files are equal: ${chosen}, all read back.`;
    case "sampled":
      return `The files are equal as far as they were read: ${chosen}, of which a sample of ${counts.readBack} was read back, and the rows of all.`;
    case "differs":
      return `The files DIFFER: of ${chosen}, ${counts.missing} are not there, ${counts.different} have other bytes, ${counts.extra} came since.`;
    case "unverified":
      return `Not all files could be verified: ${chosen}.`;
  }
}

import { countOf } from "../../base/measures.ts";
import type { runExportLoad } from "./run-export-load.ts";

/** What was loaded; what is left to be looked at stands before it. */
export function exportLines(loaded: Awaited<ReturnType<typeof runExportLoad>>, target: string): string[] {
  const rows = countOf(loaded.rows, "row");
  if (loaded.outcome === "dry-run")
    return [`Dry run: ${rows} would be loaded into ${loaded.table} of target ${target}. Nothing was written.`];
  const unlooked = "- The table's triggers and foreign keys were silent: check references to rows of other tables.";
  return [
    ...(loaded.triggersOff ? [unlooked] : []),
    `${rows} of set ${loaded.set} (as of ${loaded.snapshotAt}) are in ${loaded.table} of target ${target}, equal to what was exported.`,
  ];
}

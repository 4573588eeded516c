import { countOf, formatBytes } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { Upkeep } from "./run-retention.ts";

/** What was, or would be, done for the vault of the files. */
export function upkeepPage({ retention, locks, deleted, keptBack, alarms }: Upkeep, dryRun: boolean): Page {
  const { go, stay, unnamed, unnamedBytes, heldBack } = retention;
  const objects = countOf(unnamed.length, "object");
  const gone = `${countOf(go.length, "snapshot")} and ${objects} (${formatBytes(unnamedBytes)}) that no other names`;
  const removal =
    heldBack !== null
      ? `Nothing is removed: ${heldBack}.`
      : unnamed.length === 0
        ? "Nothing is there that the policy no longer keeps."
        : dryRun
          ? `Dry run: ${gone} would go; nothing was removed.`
          : `Removed ${countOf(deleted, "object version")} of ${gone}.`;
  return {
    title: "Upkeep of the files' vault",
    sentence: `${countOf(stay.length, "snapshot")} kept. ${removal}`,
    tables: [
      {
        title: "Going",
        header: ["snapshot"],
        rows: go.map((set) => [set]),
      },
    ],
    notes: [
      ...alarms,
      ...(locks === null
        ? ["The bucket cannot lock objects: whoever has its credentials can delete every file."]
        : [
            `${countOf(locks.runs, "run")} of locks looked at; ${dryRun ? `${locks.due.length} would be extended` : `${countOf(locks.extended, "lock")} extended`}.`,
          ]),
      ...(keptBack > 0 ? [`${countOf(keptBack, "object version")} is still locked and goes in a later week.`] : []),
    ],
  };
}

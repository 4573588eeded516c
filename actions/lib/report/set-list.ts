import { countOf, formatBytes, formatCount } from "../runtime/measures.ts";
import type { ListedSet } from "../vault/catalogue.ts";
import type { Page } from "./page.ts";

/** The catalogue as a page, newest first as it came. */
export function setListPage(bucket: string, sets: readonly ListedSet[]): Page {
  const newest = sets.find(({ signature }) => signature !== "refused");
  const refused = sets.filter(({ signature }) => signature === "refused");
  return {
    title: "Backup sets",
    sentence:
      newest === undefined
        ? `There is no ${sets.length === 0 ? "" : "usable "}set in bucket ${bucket}.`
        : `${countOf(sets.length, "set")} in bucket ${bucket}; the newest is of ${newest.snapshotAt ?? "unknown time"}.`,
    tables: [
      {
        header: ["set", "tier", "snapshot", "tables", "rows", "database", "stored", "signature"],
        rows: sets.map(({ set, tier, snapshotAt, counts, storedBytes, signature }) => [
          set,
          tier,
          snapshotAt ?? "?",
          counts === null ? "?" : formatCount(counts.tables),
          counts === null ? "?" : formatCount(counts.rows),
          counts === null ? "?" : formatBytes(Number(counts.databaseBytes)),
          storedBytes === null ? "?" : formatBytes(Number(storedBytes)),
          signature,
        ]),
      },
    ],
    notes: refused.map(({ set, problem }) => `${set} is refused: ${problem ?? "its signature is not ours"}`),
  };
}

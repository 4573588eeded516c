import { countOf, formatBytes } from "../../../base/measures.ts";
import type { Outcome } from "../../../report/run/outcome.ts";
import type { SyncResult } from "../request.ts";
import type { Load } from "./divided-run.ts";

/** How a copy was divided; its parts are the numbers of the matrix. */
export function reportPlan(total: Load, parts: number): Outcome {
  const numbers = Array.from({ length: parts }, (_, index) => index + 1);
  const [files, bytes] = [countOf(total.files, "file"), formatBytes(total.bytes)];
  return {
    outputs: { made: "false", parts: JSON.stringify(numbers) },
    page: {
      title: "Files: a copy for several runners",
      sentence: `${files}, ${bytes} are to be copied, in ${countOf(parts, "part")}.`,
      tables: [],
    },
    facts: {},
    unfinished: true,
  };
}

export function reportPart(part: number, { counts }: SyncResult): Outcome {
  const copied = `${countOf(counts.filesCopied, "file")}, ${formatBytes(Number(counts.bytesCopied))}`;
  return {
    outputs: { made: "false", "files-copied": String(counts.filesCopied) },
    page: { title: `Files: part ${part}`, sentence: `Part ${part} is in the vault: ${copied}.`, tables: [] },
    facts: {},
    unfinished: true,
  };
}

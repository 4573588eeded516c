import { countOf, formatBytes } from "../../../base/measures.ts";
import type { Page } from "../../../report/page.ts";
import type { Outcome } from "../../../report/run/outcome.ts";
import type { FanOutPlan, PartResult } from "./plan-store.ts";

/** How a copy was divided, and what of it is left to do. */
export function planPage({ parts }: FanOutPlan, left: readonly number[]): Page {
  const files = parts.reduce((sum, part) => sum + part.files, 0);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const again = left.length < parts.length ? `; ${countOf(left.length, "part")} left to copy` : "";
  return {
    title: "Files: a copy for several runners",
    sentence: `${countOf(files, "file")}, ${formatBytes(bytes)} are to be copied, in ${countOf(parts.length, "part")}${again}.`,
    tables: [
      {
        header: ["part", "files", "bytes", "state"],
        rows: parts.map((part, index) => [
          ...[String(index + 1), String(part.files), formatBytes(part.bytes)],
          left.includes(index + 1) ? "to be copied" : "in the vault",
        ]),
      },
    ],
  };
}

export function partPage({ part, filesCopied, bytesCopied }: PartResult): Page {
  return {
    title: `Files: part ${part}`,
    sentence: `Part ${part} is in the vault: ${countOf(filesCopied, "file")}, ${formatBytes(bytesCopied)}.`,
    tables: [],
  };
}

export function reportPlan(plan: FanOutPlan, parts: readonly number[]): Outcome {
  return {
    outputs: { made: "false", parts: JSON.stringify(parts) },
    page: planPage(plan, parts),
    facts: {},
    unfinished: true,
  };
}

export function reportPart(result: PartResult): Outcome {
  return {
    outputs: { made: "false", "files-copied": String(result.filesCopied) },
    page: partPage(result),
    facts: {},
    unfinished: true,
  };
}

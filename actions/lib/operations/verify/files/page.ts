import { ConfigurationError } from "../../../base/errors.ts";
import { countOf, formatBytes } from "../../../base/measures.ts";
import type { Page } from "../../../report/page.ts";
import type { Outcome } from "../../../report/run/run-report.ts";
import { verdict } from "../page.ts";
import type { FilesVerification } from "./verify-files.ts";

/** What a verification of the files' snapshot found, damage first. */
export function filesVerificationPage(result: FilesVerification): Page {
  const { set, outcome, findings, counts, objects, storedBytes, signedBy, opened } = result;
  const damage = findings.filter(({ severity }) => severity === "damage");
  const amount = `${countOf(counts.files, "file")} in ${countOf(objects, "object")}, ${formatBytes(storedBytes)}`;
  const looked =
    opened === null
      ? "each there with its size"
      : `each there with its size, ${(opened.share * 100).toFixed(1)} % of the bytes opened and compared with the list`;
  return {
    title: `Snapshot ${set} of the files`,
    sentence:
      outcome === "whole"
        ? `Snapshot ${set} is whole: ${amount}, ${looked}; signed by ${signedBy.fingerprint}.`
        : `Snapshot ${set} is DAMAGED: ${countOf(damage.length, "finding")}. While the source still has the files, 'lifeboat sync --full' copies all of them anew; what it has lost comes from an older version of the object, or from a snapshot that does not name it ('lifeboat list --files').`,
    tables: [
      {
        title: "Findings",
        header: ["severity", "where", "what"],
        rows: findings.map(({ severity, where, what }) => [severity, where, what]),
      },
      {
        title: "Opened",
        header: ["objects", "contents", "bytes", "share", "round began"],
        rows:
          opened === null
            ? []
            : [
                [
                  String(opened.objects),
                  String(opened.contents),
                  formatBytes(opened.bytes),
                  `${(opened.share * 100).toFixed(1)} %`,
                  `${Math.round(opened.roundDays)} days ago`,
                ],
              ],
      },
    ],
  };
}

export function reportFilesVerification(result: FilesVerification): Outcome {
  const page = filesVerificationPage(result);
  const { set, outcome } = result;
  return { outputs: { set, outcome }, page, facts: { set, outcome }, ...verdict(outcome, "snapshot", page) };
}

/** `3%`, `3` (per cent) or `0.5%`, as a share of 1. @throws ConfigurationError `usage` */
export function readShare(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const share = Number(/^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim())?.[1]) / 100;
  if (share > 0 && share <= 1) return share;
  const next = "Give per cents above 0, up to 100: --share 3%";
  throw new ConfigurationError("usage", `The share '${text}' is none.`, next);
}

import { countOf } from "../../base/measures.ts";
import type { Outcome } from "../run/run-report.ts";
import type { RunRow } from "../run/run-row.ts";
import type { Standing } from "./standing.ts";

/** No policy lets a set go sooner. */
const days = 7;

/**
 * Sets that committed reports say were published in the last days, and that the vault does not have, or not in a form that can
 * be trusted; and the newest snapshot of the files, where the vault has none as new. Nobody who can only write the bucket can write the branch: so a vault that was put back to an older state, each
 * signature in it right, is noticed.
 * @param asked when the vault was asked: what ended later it need not know
 */
export function lostSets(rows: readonly RunRow[], standing: Standing | undefined, asked: Date): string[] {
  if (standing?.source !== "vault" || standing.bucket === undefined) return [];
  const there = new Set(standing.sets.map(({ set }) => set));
  const from = new Date(asked.getTime() - days * 86_400_000).toISOString();
  // Of very many sets only the newest were asked for; what is older than they are is not known to be gone.
  const oldest = standing.complete ? "" : (standing.sets.at(-1)?.snapshotAt ?? "");
  const known = rows
    .filter(({ at, seconds }) => Date.parse(at) + seconds * 1000 <= asked.getTime())
    .flatMap(({ operations }) => operations);
  const lost = known.flatMap(({ operation, set, bucket, snapshotAt = "" }) =>
    operation === "backup" &&
    set !== undefined &&
    bucket === standing.bucket &&
    snapshotAt > from &&
    snapshotAt >= oldest &&
    !there.has(set)
      ? [set]
      : [],
  );
  const files = known.findLast(
    ({ operation, set, bucket }) => operation === "sync" && set !== undefined && bucket !== undefined,
  );
  const filesGone =
    files?.bucket === standing.filesBucket && (files?.snapshotAt ?? "") > max(from, standing.files?.at ?? "");
  return [...new Set([...lost, ...(filesGone && files?.set ? [files.set] : [])])].sort();
}

function max(a: string, b: string): string {
  return a > b ? a : b;
}

/** Why the job that publishes fails: undefined when the vault has what the reports say. */
export function lostFailure(lost: readonly string[]): Outcome["failure"] {
  const newest = lost.at(-1);
  if (newest === undefined) return undefined;
  return {
    code: "vault-rolled-back",
    message: `ALARM: the reports know of ${countOf(lost.length, "set")} (of the database or of the files) of the last ${days} days that the vault does not have any more, the newest ${newest}.`,
    next: "Nothing of Lifeboat's removes sets so soon. Find out who can write to the vault and did: runbooks/vault-meddled.md.",
  };
}

import { countOf, few } from "../../base/measures.ts";
import type { RestoreTestPolicy } from "../../config/policy/restore-test.ts";
import type { Proof } from "../../vault/format/proof.ts";
import type { RestoreResult } from "../restore/result.ts";
import type { FurtherFindings } from "./look-further.ts";

export interface TestVerdict {
  readonly outcome: Proof["outcome"];
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** What all the findings together mean. Pure. @param further undefined when the comparison itself did not hold */
export function judgeTest(
  integrity: Pick<RestoreResult, "outcome" | "differences">,
  further: FurtherFindings | undefined,
  policy: Pick<RestoreTestPolicy, "performance">,
): TestVerdict {
  const count = (verdict: string) => integrity.differences.filter((one) => one.verdict === verdict).length;
  const failures: string[] = [];
  const warnings: string[] = [];
  if (count("failed") > 0)
    failures.push(`${countOf(count("failed"), "thing")} of the restored copy differ from the set`);
  if (count("unverified") > 0) failures.push(`${countOf(count("unverified"), "thing")} could not be verified`);
  if (further !== undefined) {
    const files = fileTrouble(further);
    (further.files?.fit === "same" ? failures : warnings).push(...files);
    failures.push(...failedChecks(further), ...selfTestFailures(further.defect));
    const slow = slowness(further);
    (policy.performance.failWhenSlower ? failures : warnings).push(...slow.slower);
    failures.push(...slow.failed);
    warnings.push(...slow.unused);
  } else if (failures.length === 0) {
    failures.push("the copy was never looked at");
  }
  const unverifiedOnly = count("failed") === 0 && count("unverified") > 0 && further === undefined;
  return { outcome: failures.length === 0 ? "proven" : unverifiedOnly ? "unverified" : "failed", failures, warnings };
}

/** Files of another moment may well be others than the rows: then it is told, and not held against the set. */
function fileTrouble({ files }: FurtherFindings): string[] {
  if (files === null || files.missing + files.different === 0) return [];
  const what = `${countOf(files.missing, "storage file")} missing and ${files.different} different from their rows`;
  return [
    files.fit === "same" ? what : `${what}, in the snapshot ${files.snapshot}, which is ${files.fit} than the set`,
  ];
}

function failedChecks({ checks }: FurtherFindings): string[] {
  return checks
    .filter(({ outcome }) => outcome !== "passed")
    .map(({ name, outcome, finding }) => `check ${name} ${words[outcome]}: ${finding}`);
}

const words = { passed: "passed", failed: "failed", "timed-out": "timed out", "not-run": "was not run" } as const;

function selfTestFailures({ outcome, kind, identity, seed, others }: FurtherFindings["defect"]): string[] {
  const what = `a ${kind} (${identity}, seed ${seed})`;
  if (outcome === "found") return [];
  if (outcome === "missed") return [`proof-blind: ${what} was planted and the comparison did not find it`];
  return [`proof-blind: ${what} was planted and the comparison also blamed ${few(others, 5, "; ")}`];
}

function slowness({ performance }: FurtherFindings): { slower: string[]; failed: string[]; unused: string[] } {
  const of = (verdict: string) => performance.filter((one) => one.verdict === verdict);
  return {
    slower: of("slower").map(
      ({ name, ratioP50, ratioP95, p50Ms }) =>
        `${name} takes ${ratioP50 ?? "?"} times as long as before (95th percentile ${ratioP95 ?? "?"} times), now ${p50Ms} ms`,
    ),
    failed: of("failed").map(({ name, problem }) => `${name} could not be measured: ${problem ?? "no reason"}`),
    unused: performance
      .filter(({ unusedIndexes }) => unusedIndexes.length > 0)
      .map(({ name, unusedIndexes }) => `${name} no longer uses ${unusedIndexes.join(", ")}`),
  };
}

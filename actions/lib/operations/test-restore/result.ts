import type { Difference } from "../../compare/difference.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { Proof, Turn } from "../../vault/format/proof.ts";
import type { CheckResult } from "./checks/check.ts";
import type { SelfTestResult } from "./defect/self-test.ts";
import type { Compared, SizeReport } from "./performance/compare.ts";

/** What was kept from calling out before data was there. */
export interface Quiet {
  readonly what: string;
  readonly state: "off" | "unverified";
}

/** What a restore test tells when it has ended. Names, counts, times and verdicts only. */
export interface RestoreTestReport {
  /** `proven`: the set came back whole, the application's checks passed, and a planted defect was found. */
  readonly outcome: "proven" | "failed" | "unverified";
  /** Why it is not proven, a sentence each; empty when it is. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  readonly set: string;
  readonly tier: Tier;
  readonly turn: Turn;
  /** Why this set was chosen. */
  readonly why: string;
  readonly snapshotAt: string;
  readonly target: { readonly name: string; readonly projectRef: string; readonly serverVersion: string };
  readonly counts: Proof["counts"];
  readonly differences: readonly Difference[];
  /** The storage files against their rows; null: not compared, so unverified. */
  readonly files: Proof["files"];
  readonly checks: readonly CheckResult[];
  readonly performance: readonly Compared[];
  readonly size: SizeReport | null;
  readonly defect: SelfTestResult | null;
  readonly quiet: readonly Quiet[];
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
  /** What a recovery of this set took: from its first byte to the end of the comparison. */
  readonly restoreSeconds: number;
  readonly totalSeconds: number;
  /** Key of the signed proof in the vault. */
  readonly proof: string;
  /** What became of the copy. */
  readonly copy: { readonly state: "wiped" | "kept"; readonly until: string | null };
}

/** What a run that restored nothing has to say. */
export type RestoreTestNotice =
  | { readonly outcome: "nothing-to-do"; readonly set: string; readonly proof: string; readonly provenAt: string }
  | { readonly outcome: "thawing"; readonly set: string; readonly why: string; readonly expected: string | null }
  | {
      readonly outcome: "dry-run";
      readonly set: string;
      readonly tier: string;
      readonly turn: Turn;
      readonly why: string;
      readonly projectRef: string;
      readonly checks: number;
      readonly queries: number;
    };

export type RestoreTestResult = RestoreTestReport | RestoreTestNotice;

export function isReport(result: RestoreTestResult): result is RestoreTestReport {
  return "failures" in result;
}

/** The stable name of what went wrong, the gravest first: a proof that sees nothing makes every other finding worthless. */
export function failureCode({ outcome, defect, differences }: RestoreTestReport): string {
  if (defect !== null && defect.outcome !== "found") return "proof-blind";
  if (outcome === "unverified") return "restore-unverified";
  return differences.some(({ verdict }) => verdict === "failed") ? "restore-differs" : "restore-test-failed";
}

import type { Client } from "pg";
import type { Log } from "../../base/log.ts";
import type { Difference } from "../../compare/difference.ts";
import type { Config } from "../../config/load.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { Proof, Turn } from "../../vault/format/proof.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { StoredProof } from "../../vault/sets/proof-store.ts";
import type { RestoreResult } from "../restore/result.ts";
import type { CheckResult } from "./checks/check.ts";
import type { SelfTestResult } from "./defect/self-test.ts";
import type { FurtherFindings } from "./further-checks.ts";
import type { Compared, SizeReport } from "./performance/compare.ts";
import type { SelectedSet } from "./select-set.ts";
import type { Marker } from "./staging/marker.ts";
import type { StagingPlace } from "./staging/staging.ts";

export type RestoreTestConfig = Config<"vault" | "opening" | "target">;

export interface RestoreTestRequest {
  readonly config: RestoreTestConfig;
  /** The vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** A set's id or `latest`; undefined: the next of the rotation. */
  readonly set?: string | undefined;
  readonly dryRun?: boolean;
  /** Do nothing when this month has a proof already, by the vault's clock. */
  readonly oncePerMonth?: boolean;
  /** Wait for Glacier, hours if need be; else an archive that is frozen is asked for and left for a later run. */
  readonly waitForThaw?: boolean;
  /** 8 hex digits; default: a random one. */
  readonly seed?: string | undefined;
  /** Instead of the policy's. */
  readonly keepHours?: number | undefined;
  /** Asked each time before staging is emptied. */
  readonly gate?: IncidentGate;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export function keepHours({ keepHours: told, config }: RestoreTestRequest): number {
  return told ?? config.policy.restoreTest.keepHours;
}

/** A test that has passed its gates. */
export interface AdmittedTest {
  readonly request: RestoreTestRequest;
  readonly place: StagingPlace;
  /** The session that holds staging for this run. */
  readonly client: Client;
  readonly marker: Marker;
  /** @throws ConfigurationError `staging-in-use` */
  readonly refuseInUse: () => Promise<void>;
  readonly vault: Vault;
  readonly prover: UnlockedKey;
  readonly selected: SelectedSet;
  readonly proofs: readonly StoredProof[];
  readonly seed: string;
}

/** What a restore of the selected set has shown. */
export interface FoundOut {
  readonly integrity: RestoreResult;
  readonly further: FurtherFindings | undefined;
  readonly restoreSeconds: number;
}

export function secondsSince(begun: number): number {
  return Math.round(performance.now() - begun) / 1000;
}

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

import { countOf, few } from "../../base/measures.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { RestoreTestPolicy } from "../../config/policy/restore-test.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import { inspectBucket } from "../../vault/bucket/inspect.ts";
import { retainUntil } from "../../vault/bucket/lock.ts";
import { type Manifest, newSetId } from "../../vault/format/manifest.ts";
import type { Proof } from "../../vault/format/proof.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { encodeProof, writeProof } from "../../vault/sets/proof-store.ts";
import type { RestoreResult } from "../restore/result.ts";
import type { FurtherFindings } from "./further-checks.ts";
import type { Compared } from "./performance/compare.ts";
import { type AdmittedTest, type FoundOut, type Quiet, type RestoreTestReport, secondsSince } from "./request.ts";

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

interface TestFacts extends FoundOut {
  readonly verdict: TestVerdict;
  readonly startedAt: Date;
  readonly stages: Proof["stages"];
  /** `performance.now()` at the test's beginning. */
  readonly begun: number;
}

/**
 * Signs what was found with the prover's key and puts it into the vault: one that is not proven too, so that its turn and
 * its times are known.
 * @returns the report, but for what becomes of the copy
 */
export async function publishProof(
  test: AdmittedTest,
  facts: TestFacts,
  quiet: readonly Quiet[],
): Promise<Omit<RestoreTestReport, "copy">> {
  const { vault, prover, request, selected } = test;
  const proof = proofOf(test, facts);
  const bytes = encodeProof(proof);
  const until = await lockUntil(vault, selected.signed.manifest, request.config.policy);
  const key = await writeProof(vault, proof, bytes, await signDetached(bytes, prover), until);
  const { verdict, integrity, further } = facts;
  return {
    ...verdict,
    ...{ set: proof.set, tier: proof.tier, turn: proof.turn, why: selected.why, snapshotAt: proof.snapshotAt },
    target: proof.target,
    counts: proof.counts,
    differences: integrity.differences,
    files: proof.files,
    checks: further?.checks ?? [],
    performance: further?.performance ?? [],
    size: further?.size ?? null,
    defect: further?.defect ?? null,
    quiet,
    stages: proof.stages,
    restoreSeconds: proof.restoreSeconds,
    totalSeconds: proof.totalSeconds,
    proof: key,
  };
}

function proofOf({ request, place, selected, seed }: AdmittedTest, facts: TestFacts): Proof {
  const { integrity, further, verdict, startedAt } = facts;
  const { manifest, set, tier } = selected.signed;
  const { config } = request;
  const count = (wanted: string) => integrity.differences.filter((one) => one.verdict === wanted).length;
  return {
    format: "lifeboat-proof/1",
    proof: newSetId(startedAt),
    ...{ set, tier, manifestSha256: selected.manifestSha256, snapshotAt: manifest.snapshotAt, turn: selected.turn },
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    outcome: verdict.outcome,
    target: {
      name: config.target.name,
      projectRef: place.ref,
      kind: integrity.target.kind,
      serverVersion: integrity.target.serverVersion,
    },
    software: { lifeboat: config.version, node: process.version },
    counts: {
      ...integrity.counts,
      databaseBytes: further?.size.databaseBytes ?? "0",
      storedBytes: manifest.counts.storedBytes,
    },
    differences: { failed: count("failed"), expected: count("expected"), unverified: count("unverified") },
    files: further?.files ?? null,
    checks: (further?.checks ?? []).map(({ finding: _, ...check }) => check),
    performance: (further?.performance ?? []).map(measuredOf),
    defect: further === undefined ? null : { kind: further.defect.kind, seed, outcome: further.defect.outcome },
    stages: facts.stages.map(({ name, seconds }) => ({ name, seconds })),
    restoreSeconds: facts.restoreSeconds,
    totalSeconds: secondsSince(facts.begun),
  };
}

function measuredOf({
  name,
  kind,
  sha256,
  runs,
  p50Ms,
  p95Ms,
  indexes,
  verdict,
}: Compared): Proof["performance"][number] {
  return { name, kind, sha256, runs, p50Ms, p95Ms, indexes: [...indexes], verdict };
}

/** A proof is worth something as long as its set is there, so it is locked as long. */
export async function lockUntil(
  vault: Vault,
  { tier, finishedAt }: Pick<Manifest, "tier" | "finishedAt">,
  policy: Policy,
): Promise<Date | null> {
  const { lock, retentionDays } = policy.tiers[tier];
  if (lock === "none") return null;
  const { objectLock } = await inspectBucket(vault);
  const locks = objectLock.state === "known" && objectLock.value.enabled;
  return locks ? retainUntil(new Date(finishedAt), retentionDays) : null;
}

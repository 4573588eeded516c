import { isVaultScenario, ownScenarios, vaultScenarios } from "./loss-findings.ts";
import { ageOf, promisedFor, span } from "./minutes.ts";
import { type Finding, type PromiseFacts, scenarioNames } from "./promises.ts";
import type { WorstCase } from "./worst-case.ts";

/** Where a recovery takes longer than is promised, or nobody knows: RTO, thaw, regions, proofs. */
export function timeFindings(facts: PromiseFacts, worst: WorstCase): Finding[] {
  return [
    ...thawFindings(facts, worst),
    ...measuredFindings(facts, worst),
    ...regionFindings(facts),
    ...proofFindings(facts, worst),
  ];
}

function thawFindings({ policy }: PromiseFacts, { needsThaw, thaw, readable }: WorstCase): Finding[] {
  const { scenarios } = policy.promises;
  const short = vaultScenarios.filter((scenario) => thaw > scenarios[scenario].rtoMinutes);
  if (short.length === 0) return [];
  const promise = promisedFor(short, (scenario) => scenarios[scenario].rtoMinutes);
  const { storageClass } = policy.archive;
  const takes = `an archive in ${storageClass} takes up to ${span(thaw)} to thaw`;
  if (needsThaw) {
    const why = Number.isFinite(readable.worstGap)
      ? `sets that need no thaw come only every ${span(readable.worstGap)}`
      : "there are no sets that need no thaw";
    const message = `${promise}, and ${takes}; it may be the newest that there is, since ${why}.`;
    const next = "Make daily sets, or set archive.storageClass to GLACIER_IR.";
    return [{ name: "archive-thaw", level: "broken", message, next }];
  }
  return [
    {
      name: "archive-thaw",
      level: "doubtful",
      message: `${promise}, which holds only while daily and weekly sets can be used: ${takes}.`,
      next: "Live with it while other sets are proven, or set archive.storageClass to GLACIER_IR.",
    },
  ];
}

function measuredFindings({ policy, vault }: PromiseFacts, { needsThaw, thaw }: WorstCase): Finding[] {
  if (vault === undefined) return [];
  if (vault.proven === undefined) {
    return [
      {
        name: "rto.unmeasured",
        level: "doubtful",
        message: "How long a restore takes has never been measured: the vault has no proof of a restore test.",
        next: "Run restore-test by its button.",
      },
    ];
  }
  const measured = vault.proven.restoreSeconds / 60;
  const { supabase, scenarios } = policy.promises;
  // Point-in-time recovery is Supabase's, and no proof knows its time.
  const fromSets = supabase.pitrDays === null ? [...ownScenarios, ...vaultScenarios] : vaultScenarios;
  return fromSets.flatMap((scenario): Finding[] => {
    const before = needsThaw && isVaultScenario(scenario) ? thaw : 0;
    const promised = scenarios[scenario].rtoMinutes;
    // A thaw that is too long by itself has been told.
    if (measured + before <= promised || before > promised) return [];
    const after = before === 0 ? "" : `, after a thaw of ${span(before)}`;
    const message = `${span(promised)} is promised for ${scenarioNames[scenario]}, and the last proven restore of the database alone took ${span(measured)}${after}.`;
    const next = "Restore into a larger instance (the test's report shows its stages), or promise what was measured.";
    return [{ name: `rto.${scenario}`, level: "broken", message, next }];
  });
}

function regionFindings({ policy }: PromiseFacts): Finding[] {
  const project = policy.promises.supabase.region;
  const { region, replicaRegion } = policy.promises.vault;
  const elsewhere = [region, replicaRegion].filter((each) => each !== null && each !== project);
  if (project !== null && elsewhere.length > 0) return [];
  const unknown = project === null || (region === null && replicaRegion === null);
  return [
    {
      name: "region",
      level: unknown ? "doubtful" : "broken",
      message: unknown
        ? "Whether a regional disaster leaves the vault alone can't be told: the policy does not name the regions."
        : `Project and vault are both in ${project}, without a replica elsewhere: a regional disaster takes both.`,
      next: unknown
        ? "Say promises.supabase.region and promises.vault.region."
        : "Replicate the vault's bucket into another region that the policy allows, and say so in promises.vault.replicaRegion.",
    },
  ];
}

function proofFindings({ policy, vault, now }: PromiseFacts, { tests }: WorstCase): Finding[] {
  const { provenWithinDays, lateMinutes } = policy.promises;
  if (provenWithinDays === null) return [];
  const promised = `a set that was proven within ${provenWithinDays} days is promised`;
  const findings: Finding[] = [];
  if (!Number.isFinite(tests.worstGap)) {
    const message = `No schedule tests whether a set restores, and ${promised}.`;
    findings.push({ name: "unscheduled.test", level: "broken", message, next: "Schedule actions/test-restore." });
  } else if (tests.worstGap + lateMinutes > provenWithinDays * 1440) {
    const message = `Restore tests may lie ${span(tests.worstGap + lateMinutes)} apart, and ${promised}.`;
    const next = "Test more often, or raise promises.provenWithinDays.";
    findings.push({ name: "proven.schedule", level: "broken", message, next });
  }
  const age = vault?.proven === undefined ? undefined : ageOf(vault.proven.provenAt, now);
  if (vault !== undefined && (age === undefined || age > provenWithinDays * 1440)) {
    const found = age === undefined ? "the vault has no proven set" : `the last proof is ${span(age)} old`;
    const next = "Run restore-test by its button; if it fails, see runbooks/restore-test-failed.md.";
    findings.push({ name: "now.proven", level: "broken", message: `A${promised.slice(1)}, and ${found}.`, next });
  }
  return findings;
}

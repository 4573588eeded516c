import type { Policy } from "../config/policy/policy.ts";
import type { Scenario } from "../config/policy/promises.ts";
import {
  ageOf,
  measuredMinutes,
  type PromiseFacts,
  type PromiseFinding,
  planDays,
  promisedFor,
  scenarioNames,
  span,
  type VaultTruth,
  type WorstCase,
} from "./promises.ts";

/** Those that only the vault can undo. */
const vaultScenarios = ["completeLoss", "regionalDisaster"] as const satisfies readonly Scenario[];
/** Those for which Supabase's own backups are still there. */
const ownScenarios = ["minorCorruption", "databaseFailure"] as const satisfies readonly Scenario[];

export function isVaultScenario(scenario: Scenario): boolean {
  return vaultScenarios.some((each) => each === scenario);
}

/** Where more can be lost than is promised: RPO, and how far back one can go. */
export function lossFindings(facts: PromiseFacts, worst: WorstCase): PromiseFinding[] {
  return [...ownFindings(facts, worst), ...vaultFindings(facts, worst), ...presentFindings(facts)];
}

function ownFindings({ policy }: PromiseFacts, { ownLoss }: WorstCase): PromiseFinding[] {
  const { plan, pitrDays, snapshotDays } = policy.promises.supabase;
  const broken = brokenBy(policy, ownScenarios, ownLoss);
  const kept = pitrDays ?? planDays[plan];
  const instead = pitrDays === null ? `plan ${plan} keeps ${kept}` : `the add-on, which replaces them, keeps ${kept}`;
  return [
    ...(pitrDays !== null && plan === "free"
      ? [
          {
            name: "pitr.plan",
            level: "broken" as const,
            message: "The point-in-time-recovery add-on is counted on, and plan free does not have it.",
            next: "Take plan Pro or higher, or set promises.supabase.pitrDays to null.",
          },
        ]
      : []),
    ...(broken === undefined
      ? []
      : [
          {
            name: "rpo.pitr",
            level: "broken" as const,
            message:
              `${broken.promise}, and without the point-in-time-recovery add-on ` +
              `${span(ownLoss)} can be lost at worst.`,
            next: `Buy the add-on and say so in promises.supabase.pitrDays, or promise ${span(Math.ceil(ownLoss / 60) * 60)}.`,
          },
        ]),
    ...(snapshotDays > kept
      ? [
          {
            name: "snapshots.plan",
            level: "broken" as const,
            message: `${snapshotDays} days of Supabase's own backups are counted on, and ${instead}.`,
            next: `Count on ${kept} (promises.supabase.snapshotDays); for older data there are the vault's daily sets, kept for ${policy.tiers.daily.retentionDays} days.`,
          },
        ]
      : []),
  ];
}

function vaultFindings({ policy }: PromiseFacts, worst: WorstCase): PromiseFinding[] {
  const parts = [
    { name: "database", gap: worst.sets.worstGap, loss: worst.databaseLoss, made: "A set of the database is made" },
    { name: "files", gap: worst.files.worstGap, loss: worst.filesLoss, made: "The files are copied" },
  ];
  return parts.flatMap(({ name, gap, loss, made }): PromiseFinding[] => {
    const broken = brokenBy(policy, vaultScenarios, loss);
    if (broken === undefined) return [];
    if (!Number.isFinite(gap)) {
      return [
        {
          name: `unscheduled.${name}`,
          level: "broken",
          message: `${broken.promise}, and no schedule copies the ${name} into the vault: all that is newer than the last copy by hand is lost.`,
          next: name === "files" ? "Schedule actions/sync-storage." : "Schedule actions/backup-database.",
        },
      ];
    }
    const { lateMinutes, runMinutes } = policy.promises;
    const room = broken.strictest - runMinutes - lateMinutes;
    const often = room > 0 ? `at least every ${span(room)}` : "by something that is on time: no GitHub schedule is";
    return [
      {
        name: `rpo.${name}`,
        level: "broken",
        message:
          `${broken.promise}, and ${span(loss)} of the ${name} can be lost at worst. ` +
          `${made} every ${span(gap)}, GitHub may be ${span(lateMinutes)} late, and a run takes ${span(runMinutes)}.`,
        next: `Run it ${often}, or promise ${span(Math.ceil(loss / 60) * 60)}.`,
      },
    ];
  });
}

/** What the vault has now. */
function presentFindings({ policy, vault, now }: PromiseFacts): PromiseFinding[] {
  if (vault === undefined) return [];
  const parts = [
    { what: "set of the database", name: "database", at: vault.newestSetAt },
    ...(vault.newestFilesAt === null ? [] : [{ what: "copy of the files", name: "files", at: vault.newestFilesAt }]),
  ];
  const keys = (vault.keys ?? []).map(
    (message): PromiseFinding => ({
      ...{ name: "now.keys", level: "broken", message },
      next: "Start the workflow backup by its button, which renews the locks. Where keys are gone or hidden: runbooks/vault-meddled.md.",
    }),
  );
  const holds = (vault.holds ?? []).map(
    (message): PromiseFinding => ({
      ...{ name: "now.holds", level: "broken", message },
      next: "See what is held and what is wrong with it: `lifeboat holds --check`, runbooks/holds.md.",
    }),
  );
  const late = parts.flatMap(({ what, name, at }): PromiseFinding[] => {
    const age = at === undefined ? Number.POSITIVE_INFINITY : ageOf(at, now);
    const broken = brokenBy(policy, vaultScenarios, age);
    if (broken === undefined) return [];
    const found = at === undefined ? `there is no ${what} in the vault` : `the newest ${what} is ${span(age)} old`;
    return [
      {
        name: `now.${name}`,
        level: "broken",
        message: `${broken.promise}, and ${found}.`,
        next: `Start the workflow backup by its button now, then see why it did not run: runbooks/backup-failed.md.`,
      },
    ];
  });
  const replica = (vault.replica ?? []).map(
    (message): PromiseFinding => ({
      ...{ name: "now.replica", level: "broken", message },
      next: "See runbooks/replica.md.",
    }),
  );
  return [...late, ...keys, ...replica, ...holds];
}

/** The promises that a loss breaks, in words, and the strictest of them in minutes. */
function brokenBy(
  policy: PromiseFacts["policy"],
  scenarios: readonly Scenario[],
  loss: number,
): { readonly strictest: number; readonly promise: string } | undefined {
  const broken = scenarios.filter((scenario) => loss > policy.promises.scenarios[scenario].rpoMinutes);
  if (broken.length === 0) return undefined;
  const promisedOf = (scenario: Scenario): number => policy.promises.scenarios[scenario].rpoMinutes;
  return { strictest: Math.min(...broken.map(promisedOf)), promise: promisedFor(broken, promisedOf) };
}

/** Where a recovery takes longer than is promised, or nobody knows: RTO, thaw, regions, proofs. */
export function timeFindings(facts: PromiseFacts, worst: WorstCase): PromiseFinding[] {
  return [
    ...thawFindings(facts, worst),
    ...measuredFindings(facts, worst),
    ...regionFindings(facts),
    ...proofFindings(facts, worst),
  ];
}

function thawFindings({ policy }: PromiseFacts, { needsThaw, thaw, readable }: WorstCase): PromiseFinding[] {
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

function measuredFindings({ policy, vault }: PromiseFacts, { needsThaw, thaw }: WorstCase): PromiseFinding[] {
  if (vault === undefined) return [];
  if (vault.proven === undefined && (vault.played ?? []).length === 0) {
    return [
      {
        name: "rto.unmeasured",
        level: "doubtful",
        message: "How long a restore takes has never been measured: the vault has no proof of a restore test.",
        next: "Run restore-test by its button.",
      },
    ];
  }
  const { supabase, scenarios } = policy.promises;
  // Point-in-time recovery is Supabase's, and no proof knows its time.
  const fromSets = supabase.pitrDays === null ? [...ownScenarios, ...vaultScenarios] : vaultScenarios;
  return fromSets.flatMap((scenario): PromiseFinding[] => {
    const before = needsThaw && isVaultScenario(scenario) ? thaw : 0;
    const promised = scenarios[scenario].rtoMinutes;
    const measured = measuredMinutes(vault, scenario);
    // A thaw that is too long by itself has been told.
    if (measured === undefined || measured.minutes + before <= promised || before > promised) return [];
    const after = before === 0 ? "" : `, after a thaw of ${span(before)}`;
    const message = `${span(promised)} is promised for ${scenarioNames[scenario]}, and ${measured.what} took ${span(measured.minutes)}${after}.`;
    const next = "Restore into a larger instance (the test's report shows its stages), or promise what was measured.";
    return [{ name: `rto.${scenario}`, level: "broken", message, next }];
  });
}

function regionFindings({ policy }: PromiseFacts): PromiseFinding[] {
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

function proofFindings({ policy, vault, now }: PromiseFacts, { tests }: WorstCase): PromiseFinding[] {
  const { provenWithinDays, lateMinutes } = policy.promises;
  if (provenWithinDays === null) return [];
  const promised = `a set that was proven within ${provenWithinDays} days is promised`;
  const findings: PromiseFinding[] = [];
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

/** Name of the finding; the daily summary tells it every day, broken or not. */
export const incidentFinding = "now.incident";

/**
 * An incident that is on: nothing is forgotten, and no new set counts as a good one. For some days that is what it is for;
 * longer, somebody has forgotten it.
 */
export function incidentFindings(
  vault: VaultTruth | undefined,
  { longestDays }: Policy["incident"],
  now: Date,
): PromiseFinding[] {
  const incident = vault?.incident;
  if (incident === undefined) return [];
  const { id, reason, since } = incident;
  const age = since === null ? Number.POSITIVE_INFINITY : ageOf(since, now);
  const forgotten = age > longestDays * 1440;
  const known = since === null ? "for a time that cannot be told" : `for ${span(age)}`;
  return [
    {
      name: incidentFinding,
      level: forgotten ? "broken" : "doubtful",
      message:
        `Incident ${id} is on ${known} (${reason}): nothing is removed, and no set that is made now counts as a good one.` +
        (forgotten ? ` The policy expects an end within ${longestDays} days.` : ""),
      next: "See `lifeboat incident`. When it is over: `lifeboat incident end --reason …` (runbooks/incident.md).",
    },
  ];
}

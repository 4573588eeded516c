import type { Scenario } from "../config/policy/promises.ts";
import { ageOf, promisedFor, span } from "./minutes.ts";
import { type Finding, type PromiseFacts, planDays } from "./promises.ts";
import type { WorstCase } from "./worst-case.ts";

/** Those that only the vault can undo. */
export const vaultScenarios = ["completeLoss", "regionalDisaster"] as const satisfies readonly Scenario[];
/** Those for which Supabase's own backups are still there. */
export const ownScenarios = ["minorCorruption", "databaseFailure"] as const satisfies readonly Scenario[];

export function isVaultScenario(scenario: Scenario): boolean {
  return vaultScenarios.some((each) => each === scenario);
}

/** Where more can be lost than is promised: RPO, and how far back one can go. */
export function lossFindings(facts: PromiseFacts, worst: WorstCase): Finding[] {
  return [...ownFindings(facts, worst), ...vaultFindings(facts, worst), ...presentFindings(facts)];
}

function ownFindings({ policy }: PromiseFacts, { ownLoss }: WorstCase): Finding[] {
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

function vaultFindings({ policy }: PromiseFacts, worst: WorstCase): Finding[] {
  const parts = [
    { name: "database", gap: worst.sets.worstGap, loss: worst.databaseLoss, made: "A set of the database is made" },
    { name: "files", gap: worst.files.worstGap, loss: worst.filesLoss, made: "The files are copied" },
  ];
  return parts.flatMap(({ name, gap, loss, made }): Finding[] => {
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
function presentFindings({ policy, vault, now }: PromiseFacts): Finding[] {
  if (vault === undefined) return [];
  const parts = [
    { what: "set of the database", name: "database", at: vault.newestSetAt, run: "daily-backup" },
    ...(vault.newestFilesAt === null
      ? []
      : [{ what: "copy of the files", name: "files", at: vault.newestFilesAt, run: "storage-sync" }]),
  ];
  return parts.flatMap(({ what, name, at, run }): Finding[] => {
    const age = at === undefined ? Number.POSITIVE_INFINITY : ageOf(at, now);
    const broken = brokenBy(policy, vaultScenarios, age);
    if (broken === undefined) return [];
    const found = at === undefined ? `there is no ${what} in the vault` : `the newest ${what} is ${span(age)} old`;
    return [
      {
        name: `now.${name}`,
        level: "broken",
        message: `${broken.promise}, and ${found}.`,
        next: `Start ${run} by its button now, then see why it did not run: runbooks/backup-failed.md.`,
      },
    ];
  });
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

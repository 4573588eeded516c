import { type FilesPlan, planFiles } from "../../policy/files-retention.ts";
import type { RetentionFacts } from "../../policy/retention.ts";
import { termsInForce } from "../../policy/terms.ts";
import { madeUnder } from "../../vault/format/manifest.ts";
import { boundsOf, withMore } from "./bounds.ts";
import type { KindPlan } from "./plan-sets.ts";
import type { FilesSurvey } from "./survey.ts";
import type { RetentionTools } from "./tools.ts";

const day = 86_400_000;

/** What is planned for the files' vault. */
export interface FilesVaultPlan extends KindPlan {
  readonly plan: FilesPlan;
}

export interface BesideFiles {
  /** Names of database sets, `<tier>/<set>`, that stay; null: their vault was not looked at. */
  readonly sets: ReadonlySet<string> | null;
  /** When the newest restore test ended that a snapshot has passed. */
  readonly provenAt: ReadonlyMap<string, number>;
}

/**
 * What the policy no longer keeps of the files' vault: the same plan as that of the sets. A snapshot that a set which stays was read together with,
 * stays; while anything that matters is not as it was written, nothing goes.
 * @throws ConfigurationError `retention-terms`
 */
export function planFilesVault(tools: RetentionTools, survey: FilesSurvey, beside: BesideFiles): FilesVaultPlan {
  const { policy, holds, now, stop, longer } = tools;
  const { snapshots, objects, alarms } = survey;
  const { terms: inForce, pending } = termsInForce(
    madeUnder(policy).policy.terms,
    snapshots.map(({ finishedAt, terms }) => ({ at: Date.parse(finishedAt), terms })),
    now,
  );
  const terms = withMore(inForce, longer);
  const facts: RetentionFacts = {
    subjects: snapshots.map((one) => ({
      ...{ set: one.set, tier: one.tier, at: Date.parse(one.snapshotAt), state: "trusted", verified: one.verified },
      ...{ provenAt: beside.provenAt.get(one.set) ?? null, marked: one.marked, paidUntil: null, lockedUntil: null },
      storedAt: one.storedAt,
    })),
    needed: new Map([...ofSets(tools, survey, beside), ...holds.neededOf(snapshots.map(({ set }) => set))]),
    // A restore test proves a set of the database; its files are read beside it.
    ...{ terms, now, bounds: { ...boundsOf(policy), staleProofDays: null }, lastProof: null },
    stop: whyNothing(survey) ?? stop,
  };
  return { plan: planFiles(facts, snapshots, objects), facts, terms, pending, alarms };
}

/** What cannot be read may name anything, and nothing goes while somebody meddles. */
function whyNothing({ unreadable, meddled, gone }: FilesSurvey): string | null {
  if (unreadable[0] !== undefined) return `the snapshot ${unreadable[0]} cannot be read, and may name anything`;
  const key = meddled[0]?.key ?? gone[0];
  return key === undefined ? null : `${key} was hidden, replaced or deleted, and not by Lifeboat`;
}

/** Snapshots beyond their term that were read together with a set that is still there. */
function ofSets({ policy, now }: RetentionTools, { snapshots }: FilesSurvey, { sets }: BesideFiles) {
  return snapshots.flatMap(({ set, tier, snapshotAt, databaseSet }): [string, string][] => {
    if (databaseSet === null || Date.parse(snapshotAt) + policy.tiers[tier].retentionDays * day > now) return [];
    const name = `database set ${databaseSet.set} (${databaseSet.tier})`;
    if (sets === null)
      return [[set, `it was read together with ${name}, and S3_BACKUP_BUCKET is not set to look at it`]];
    return sets.has(`${databaseSet.tier}/${databaseSet.set}`)
      ? [[set, `${name}, which it was read together with, stays`]]
      : [];
  });
}

import { formatMinute } from "../../base/measures.ts";
import type { Scenario } from "../../config/policy/promises.ts";
import { type PromiseCheck, type PromiseRow, span, type VaultTruth } from "../promises.ts";
import type { CheckState } from "./check.ts";

/**
 * Whether a recovery would succeed now. `gaps`: yes, but something about it is not proven or not as promised. `late`: more would be lost
 * than is promised. `unknown`: nobody could find out. Never better than what is known.
 */
export const answers = ["yes", "gaps", "late", "no", "unknown"] as const;
export type Answer = (typeof answers)[number];

/** How a page shows an answer. */
export const levelOfAnswer: Readonly<Record<Answer, CheckState>> = {
  yes: "ok",
  gaps: "warning",
  late: "critical",
  no: "critical",
  unknown: "unknown",
};

export interface Recoverable {
  readonly scenario: Scenario;
  readonly answer: Answer;
  /** One sentence. */
  readonly why: string;
  /** ISO 8601: from then on more would be lost than is promised, if there is no newer data. */
  readonly dueAt?: string;
}

interface RecoverableFacts {
  readonly promises: PromiseCheck;
  /** What the vault itself says; undefined when it could not be asked. */
  readonly vault: VaultTruth | undefined;
  /** What the monitor says of Supabase's own backups, and until when that counts; undefined where nobody counts on them. */
  readonly supabase: { readonly state: CheckState; readonly dueAt?: string | undefined } | undefined;
}

/** For each scenario that something is promised for. */
export function recoverable({ promises, vault, supabase }: RecoverableFacts): Recoverable[] {
  const scenarios = [...new Set(promises.rows.map(({ scenario }) => scenario))];
  return scenarios.map((scenario) => {
    const [loss, time] = (["RPO", "RTO"] as const).map((what) =>
      promises.rows.find((row) => row.scenario === scenario && row.what === what),
    );
    // Of the other two the newest copies are Supabase's own.
    const fromVault = scenario === "completeLoss" || scenario === "regionalDisaster";
    if (!fromVault && supabase !== undefined) return { scenario, ...bySupabase(supabase, vault, loss, time) };
    return { scenario, ...byVault(vault, fromVault, loss, time) };
  });
}

type Said = Omit<Recoverable, "scenario">;

function byVault(
  vault: VaultTruth | undefined,
  withFiles: boolean,
  loss: PromiseRow | undefined,
  time: PromiseRow | undefined,
): Said {
  if (vault === undefined) return { answer: "unknown", why: "The vault could not be asked which sets it has." };
  const { newestSetAt, newestFilesAt, incident, proven } = vault;
  if (newestSetAt === undefined) return { answer: "no", why: "The vault has no set that can be trusted." };
  const copies = [newestSetAt, ...(withFiles && newestFilesAt ? [newestFilesAt] : [])].sort();
  const oldest = copies[0] ?? newestSetAt;
  const dueAt = loss === undefined ? undefined : new Date(Date.parse(oldest) + loss.promised * 60_000).toISOString();
  const until = dueAt === undefined ? {} : { dueAt };
  const since = formatMinute(oldest);
  if (withFiles && newestFilesAt === undefined)
    return {
      answer: "late",
      why: `The database can be restored to ${formatMinute(newestSetAt)}. No copy of the files is known.`,
    };
  if (loss?.now !== undefined && loss.now > loss.promised)
    return {
      answer: "late",
      why: `What changed since ${since} would be lost: ${span(loss.now)}, where ${span(loss.promised)} is promised.`,
    };
  if (incident !== undefined)
    return {
      answer: "gaps",
      why: `An incident is on. Sets that were made during it do not count; the newest other data is of ${since}.`,
      ...until,
    };
  if (proven === undefined)
    return {
      answer: "gaps",
      why: `The newest copies are of ${since}. No set was restored by a restore test yet.`,
      ...until,
    };
  return { ...byPromises(loss, time, `The newest copies are of ${since}.`), ...until };
}

function bySupabase(
  { state, dueAt }: NonNullable<RecoverableFacts["supabase"]>,
  vault: VaultTruth | undefined,
  loss: PromiseRow | undefined,
  time: PromiseRow | undefined,
): Said {
  const until = dueAt === undefined ? {} : { dueAt };
  if (state === "ok") return { ...byPromises(loss, time, "Supabase's own backups are as they should be."), ...until };
  const set = vault?.newestSetAt;
  const instead =
    set === undefined
      ? vault === undefined
        ? "The vault could not be asked either."
        : "The vault has no set that can be trusted either."
      : `The newest set in the vault is of ${formatMinute(set)}.`;
  if (state === "unknown")
    return { answer: "unknown", why: `The state of Supabase's own backups is not known. ${instead}` };
  if (state === "warning") return { answer: "gaps", why: `Supabase's own backups need a look. ${instead}`, ...until };
  return {
    answer: set === undefined && vault !== undefined ? "no" : "late",
    why: `Supabase's own backups cannot be counted on. ${instead}`,
  };
}

function byPromises(loss: PromiseRow | undefined, time: PromiseRow | undefined, why: string): Said {
  const broken = [loss, time].filter((row) => row?.state === "broken");
  if (broken.length > 0)
    return {
      answer: "gaps",
      why: `${why} At worst it would ${broken.includes(loss) ? "lose more" : "take longer"} than is promised.`,
    };
  if (time?.measured === undefined) return { answer: "yes", why: `${why} How long it takes was never measured.` };
  return { answer: "yes", why };
}

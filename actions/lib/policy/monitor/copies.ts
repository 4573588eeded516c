import { formatMinute } from "../../base/measures.ts";
import { ageOf, span } from "../promises.ts";
import type { Finding } from "./check.ts";
import { isAhead, nextDue, type Timing } from "./due.ts";

/** The newest copy of one kind, beside the schedule that makes it. */
export interface CopyFacts extends Timing {
  /** `daily set`, `copy of the files` */
  readonly what: string;
  /** When its data was read at the source, ISO 8601; undefined: there is none. */
  readonly newestAt: string | undefined;
  /** What else the reader has to know, as a sentence: an incident, junk that hides what comes after it. */
  readonly note?: string | undefined;
  readonly now: Date;
}

const start = "Start the workflow backup by its button now, then see why it did not run: runbooks/backup-failed.md.";

/** Whether the next copy is there in time. */
export function judgeCopy({ what, newestAt, note, now, ...timing }: CopyFacts): Finding {
  const told = note === undefined ? "" : ` ${note}`;
  if (newestAt === undefined) {
    return {
      state: "critical",
      found: `There is no ${what} in the vault.${told}`,
      means: "Nothing of this kind can be restored.",
      next: start,
    };
  }
  const at = new Date(newestAt);
  if (isAhead(newestAt, now)) {
    return {
      state: "critical",
      found: `The newest ${what} is dated ${formatMinute(newestAt)}, which is in the future.${told}`,
      means: "A clock is wrong. Until then nobody would notice that no new one is made.",
      next: "Correct the clock of the machine that made it, then make another one by the button of the workflow backup.",
    };
  }
  const age = `The newest ${what} has the data of ${formatMinute(newestAt)}, ${span(ageOf(newestAt, now))} old.`;
  const due = nextDue(at, timing);
  if (due === undefined) {
    return {
      state: "critical",
      found: `${age} No schedule makes another.${told}`,
      means: "The newest copy gets older and older.",
      next: "Correct the schedules in .github/workflows or promises.schedules: `lifeboat policy check` names what is wrong.",
    };
  }
  if (due <= now) {
    return {
      state: "critical",
      found: `${age} The next one was due by ${formatMinute(due.getTime())}.${told}`,
      means: `What was written since ${formatMinute(newestAt)} is in no ${what}.`,
      next: start,
    };
  }
  return { state: "ok", found: `${age}${told}`, dueAt: due.toISOString() };
}

export interface ProofFacts {
  /** When the newest restore test that went well ended, ISO 8601; undefined: there is none. */
  readonly provenAt: string | undefined;
  /** How long that restore took. */
  readonly restoreSeconds: number | undefined;
  readonly withinDays: number;
  /** What a restore after a complete loss may take. */
  readonly rtoMinutes: number;
  readonly now: Date;
}

/** Whether a set has been proven lately. */
export function judgeProof({ provenAt, restoreSeconds, withinDays, rtoMinutes, now }: ProofFacts): Finding {
  const means = "Whether what is in the vault can be restored is not known.";
  const next = "Run restore-test by its button; if it fails, see runbooks/restore-test-failed.md.";
  if (provenAt === undefined)
    return { state: "critical", found: "No set in the vault was ever proven by a restore test.", means, next };
  if (isAhead(provenAt, now))
    return {
      state: "critical",
      found: `The last proof is dated ${formatMinute(provenAt)}, which is in the future.`,
      means,
      next,
    };
  const due = new Date(Date.parse(provenAt) + withinDays * 86_400_000);
  const found = `The last proof is of ${formatMinute(provenAt)}; one within ${withinDays} days is promised.`;
  if (due <= now) return { state: "critical", found, means, next };
  const seconds = restoreSeconds;
  return {
    ...{ state: "ok", found, dueAt: due.toISOString() },
    ...(seconds !== undefined && { measure: { value: seconds, limit: rtoMinutes * 60, unit: "seconds" } }),
  };
}

export interface VerifiedFacts {
  /** Newest data first, of all tiers. */
  readonly sets: readonly { readonly set: string; readonly snapshotAt: string; readonly verified: boolean }[];
  /** The policy asks that every upload is read again. */
  readonly readBack: boolean;
  readonly now: Date;
}

/** Hours after which an unverified newest set is more than one bad run. */
const unverifiedHours = 30;

/** Whether the newest sets were read again after they were stored, and are still there. */
export function judgeVerified({ sets, readBack, now }: VerifiedFacts): Finding {
  const [newest] = sets;
  const means = "Damage on the way to the vault, or objects that are gone, would show only in a restore.";
  if (newest === undefined) {
    const next = "Start the workflow backup by its button.";
    return { state: "critical", found: "There is no set in the vault that could be verified.", means, next };
  }
  const next = readBack
    ? "Run `lifeboat verify latest`; if it finds damage, see runbooks/verification-failed.md."
    : "Set vault.readBack to true in the policy, or run `lifeboat verify latest` after each backup.";
  const good = sets.find(({ verified }) => verified);
  if (good === newest)
    return { state: "ok", found: `The newest set ${newest.set} was read again after it was stored, and is whole.` };
  const old = good === undefined || ageOf(good.snapshotAt, now) > unverifiedHours * 60;
  const last =
    good === undefined
      ? "and neither is any other recent one"
      : `the last that was is of ${formatMinute(good.snapshotAt)}`;
  return {
    ...{ state: old && readBack ? "critical" : "warning", means, next },
    found: `The newest set ${newest.set} is not verified and whole; ${last}.`,
  };
}

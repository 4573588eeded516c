import { type PromiseFacts, pitrMinutes, planDays, thawMinutes } from "./promises.ts";
import type { Purpose } from "./read-schedules.ts";
import { type Rhythm, rhythmOf } from "./schedule.ts";

/** What schedules, plan and storage class come to; minutes, infinite where nothing is done. */
export interface WorstCase {
  /** Of the sets that can be read at once. */
  readonly readable: Rhythm;
  /** Of all sets, archives among them. */
  readonly sets: Rhythm;
  readonly files: Rhythm;
  readonly tests: Rhythm;
  /** What is lost at worst of the database and of the files, when only the vault is left: gap, lateness and the run itself. */
  readonly databaseLoss: number;
  readonly filesLoss: number;
  /** What is lost at worst while Supabase's own backups are there. */
  readonly ownLoss: number;
  /** The newest set may be an archive that has to be thawed first, because the others alone are too rare. */
  readonly needsThaw: boolean;
  readonly thaw: number;
}

export function worstCase({ policy, schedules }: Pick<PromiseFacts, "policy" | "schedules">): WorstCase {
  const { promises, archive } = policy;
  const of = (...purposes: Purpose[]): Rhythm =>
    rhythmOf(schedules.schedules.filter(({ purpose }) => purposes.includes(purpose)));
  const loss = ({ worstGap }: Rhythm): number => worstGap + promises.lateMinutes + promises.runMinutes;
  const thaw = thawMinutes[archive.storageClass];
  const readable = thaw === 0 ? of("daily", "weekly", "monthly") : of("daily", "weekly");
  const sets = of("daily", "weekly", "monthly");
  const files = of("files");
  const { completeLoss, regionalDisaster } = promises.scenarios;
  const needsThaw =
    thaw > 0 &&
    sets.worstGap !== readable.worstGap &&
    readable.worstGap > Math.min(completeLoss.rpoMinutes, regionalDisaster.rpoMinutes);
  const databaseLoss = loss(sets);
  return {
    ...{ readable, sets, files, tests: of("restoreTest"), databaseLoss, filesLoss: loss(files) },
    ownLoss: ownLoss(promises.supabase, databaseLoss),
    ...{ needsThaw, thaw },
  };
}

function ownLoss({ plan, pitrDays }: PromiseFacts["policy"]["promises"]["supabase"], fromSets: number): number {
  if (pitrDays !== null && plan !== "free") return pitrMinutes;
  return planDays[plan] > 0 ? Math.min(1440, fromSets) : fromSets;
}

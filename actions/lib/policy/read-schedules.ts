import type { PromisesPolicy } from "../config/policy/promises.ts";
import { type Cron, CronProblem, parseCron } from "./cron.ts";
import type { Period } from "./period.ts";
import type { Work } from "./schedule.ts";

export const purposes = ["daily", "weekly", "monthly", "files", "restoreTest"] as const;
export type Purpose = (typeof purposes)[number];

/** A schedule as it is written, in a workflow or in the policy. */
export interface WrittenSchedule {
  readonly purpose: Purpose;
  /** Where a person finds it, e.g. `.github/workflows/daily-backup.yml`. */
  readonly where: string;
  readonly crons: readonly { readonly text: string; readonly timezone: string | undefined }[];
  readonly oncePer: Period | undefined;
}

/** The same, understood. */
export interface Schedule extends Work {
  readonly purpose: Purpose;
  readonly where: string;
}

export interface ReadSchedules {
  readonly schedules: readonly Schedule[];
  /** Expressions that GitHub would not take. */
  readonly wrong: readonly { readonly where: string; readonly text: string; readonly problem: string }[];
}

/** The schedules that the policy states itself. */
export function statedSchedules(stated: NonNullable<PromisesPolicy["schedules"]>): WrittenSchedule[] {
  return purposes.flatMap((purpose) => {
    const work = stated[purpose];
    if (work === undefined) return [];
    const crons = work.cron.map((text) => ({ text, timezone: undefined }));
    return [{ purpose, where: `the policy's promises.schedules.${purpose}`, crons, oncePer: work.oncePer }];
  });
}

/** Reads the expressions; what can't be read is told and runs never. */
export function readSchedules(written: readonly WrittenSchedule[]): ReadSchedules {
  const wrong: { where: string; text: string; problem: string }[] = [];
  const schedules = written.map(({ purpose, where, crons, oncePer }) => {
    const understood: Cron[] = [];
    for (const { text } of crons) {
      try {
        understood.push(parseCron(text));
      } catch (error) {
        if (!(error instanceof CronProblem)) throw error;
        wrong.push({ where, text, problem: error.message });
      }
    }
    const zoned = crons.some(({ timezone }) => timezone !== undefined && !/^(Etc\/)?(UTC|GMT)$/.test(timezone));
    return { purpose, where, crons: understood, oncePer, zoned };
  });
  return { schedules, wrong };
}

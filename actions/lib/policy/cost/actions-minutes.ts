import { parse } from "yaml";
import { z } from "zod";
import { type Purpose, readSchedules, workflowSchedules } from "../read-schedules.ts";
import { parseCron, rhythmOf, type Work } from "../schedule.ts";

/**
 * Minutes that a job takes beyond the first one when it does a work. The set of a small project and the few files that are new
 * since the last snapshot go into one more; every job that GitHub starts counts as a whole minute.
 */
const more: Readonly<Record<Purpose, number>> = { daily: 1, files: 0, weekly: 1, monthly: 1, restoreTest: 9 };

/** Minutes that an attempt takes longer when it verifies copies as well. */
const moreToVerify = 1;

/** Minutes that a drill takes beyond the first one; a quarter has one, and the other attempts find it done. */
const moreToDrill = 9;
export const drillsPerYear = 4;

const stepSchema = z.looseObject({ uses: z.string().optional() });
const workflowSchema = z.looseObject({
  on: z.looseObject({ schedule: z.array(z.looseObject({ cron: z.string() })).default([]) }),
  jobs: z.record(z.string(), z.looseObject({ needs: z.unknown().optional(), steps: z.array(stepSchema).default([]) })),
});

export interface Minutes {
  readonly workflow: string;
  /** A month, as the rest. */
  readonly attempts: number;
  /** Attempts that found something to do, at most: works that fall into one attempt are counted apart. */
  readonly done: number;
  readonly minutes: number;
}

/** What the schedules of one workflow cost; undefined when it has none. @param path for messages @param text of the workflow */
export function minutesOf(path: string, text: string): Minutes | undefined {
  const workflow = workflowSchema.parse(parse(text));
  const crons = workflow.on.schedule.map(({ cron }) => parseCron(cron));
  if (crons.length === 0) return undefined;
  const monthly = (work: Work): number => rhythmOf([work]).perYear / 12;
  const attempts = monthly({ crons, oncePer: undefined, zoned: false });
  const works = readSchedules(workflowSchedules(path, text)).schedules.map((work) => ({
    ...work,
    rate: monthly(work),
  }));
  // Works of the same rhythm are done in the same attempts; what asks nothing first always does something.
  const rates = new Map(works.map(({ oncePer, rate }) => [oncePer, rate]));
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  const uses = (action: string): number => steps.filter((step) => step.uses?.endsWith(`/actions/${action}`)).length;
  const drills = Math.min(attempts * uses("run-drill"), drillsPerYear / 12);
  const done = works.length === 0 ? drills || attempts : [...rates.values()].reduce((total, rate) => total + rate, 0);
  const always = Object.values(workflow.jobs).filter(({ needs }) => needs === undefined).length;
  const longer = works.reduce((total, { purpose, rate }) => total + rate * more[purpose], 0);
  const minutes = attempts * (always + uses("verify-backup") * moreToVerify) + longer + drills * moreToDrill;
  return { workflow: path, attempts, done, minutes };
}

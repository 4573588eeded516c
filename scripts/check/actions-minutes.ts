import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type Purpose, readSchedules, workflowSchedules } from "../../actions/lib/policy/read-schedules.ts";
import { parseCron, rhythmOf, type Work } from "../../actions/lib/policy/schedule.ts";
import type { WrittenPart } from "./written-part.ts";

/** What the default schedules may cost in a month. */
const most = 600;

/**
 * Minutes that a job takes beyond the first one when it does a work. The set of a small project and the few files that are new
 * since the last snapshot go into one more; every job that GitHub starts counts as a whole minute.
 */
const more: Readonly<Record<Purpose, number>> = { daily: 1, files: 0, weekly: 1, monthly: 1, restoreTest: 9 };

/** Minutes that an attempt takes longer when it verifies copies as well. */
const moreToVerify = 1;

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
  const done = works.length === 0 ? attempts : [...rates.values()].reduce((total, rate) => total + rate, 0);
  const always = Object.values(workflow.jobs).filter(({ needs }) => needs === undefined).length;
  const longer = works.reduce((total, { purpose, rate }) => total + rate * more[purpose], 0);
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  const verifying = steps.filter(({ uses }) => uses?.endsWith("/actions/verify-backup")).length * moreToVerify;
  return { workflow: path, attempts, done, minutes: attempts * (always + verifying) + longer };
}

function allMinutes(root: string): Minutes[] {
  return globSync(".github/workflows/*.yml", { cwd: root })
    .toSorted()
    .flatMap((path) => minutesOf(path, readFileSync(join(root, path), "utf8")) ?? []);
}

export function minutesPart(root: string): WrittenPart {
  const all = allMinutes(root);
  const row = (name: string, cells: readonly number[]): string => `| ${[name, ...cells.map(Math.round)].join(" | ")} |`;
  const name = (path: string): string => path.replace(/^.*\/|\.yml$/g, "");
  return {
    path: ".github/workflows/README.md",
    mark: "minutes",
    text: [
      "| workflow | attempts a month | that find something to do | minutes |",
      "| --- | --- | --- | --- |",
      ...all.map(({ workflow, attempts, done, minutes }) => row(name(workflow), [attempts, done, minutes])),
      row("together", [sum(all, "attempts"), sum(all, "done"), sum(all, "minutes")]),
    ].join("\n"),
  };
}

/** @returns a problem when the default schedules cost more than they may */
export function minutesProblems(root: string): string[] {
  const minutes = Math.round(sum(allMinutes(root), "minutes"));
  return minutes <= most
    ? []
    : [`.github/workflows: the schedules take ${minutes} minutes a month, and may take ${most}.`];
}

function sum(all: readonly Minutes[], of: "attempts" | "done" | "minutes"): number {
  return all.reduce((total, each) => total + each[of], 0);
}

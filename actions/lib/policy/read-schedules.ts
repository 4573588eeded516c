import { parse } from "yaml";
import { z } from "zod";
import { ConfigurationError } from "../base/errors.ts";
import type { PromisesPolicy } from "../config/policy/promises.ts";
import { type Period, periods } from "./period.ts";
import { type Cron, CronProblem, parseCron, type Work } from "./schedule.ts";

const purposes = ["daily", "weekly", "monthly", "files", "restoreTest"] as const;
export type Purpose = (typeof purposes)[number];

/** A schedule as it is written, in a workflow or in the policy. */
export interface WrittenSchedule {
  readonly purpose: Purpose;
  /** Where a person finds it, e.g. `.github/workflows/backup.yml`. */
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
    const zoned = crons.some(({ timezone }) => timezone !== undefined && !inUtc(timezone));
    return { purpose, where, crons: understood, oncePer, zoned };
  });
  return { schedules, wrong };
}

const stepSchema = z.looseObject({
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).default({}),
  env: z.record(z.string(), z.unknown()).default({}),
});
const workflowSchema = z.looseObject({
  on: z
    .union([
      z.looseObject({
        schedule: z.array(z.looseObject({ cron: z.string(), timezone: z.string().optional() })).default([]),
      }),
      z.string().transform(() => ({ schedule: [] })),
      z.array(z.string()).transform(() => ({ schedule: [] })),
    ])
    .default({ schedule: [] }),
  jobs: z
    .record(
      z.string(),
      z.looseObject({
        environment: z
          .union([z.string(), z.looseObject({ name: z.string() }).transform(({ name }) => name)])
          .optional(),
        if: z.unknown().optional(),
        "runs-on": z.unknown().optional(),
        steps: z.array(stepSchema).default([]),
      }),
    )
    .default({}),
});
export type Step = z.infer<typeof stepSchema>;

/**
 * What a workflow does on a schedule, told by the actions that it uses, not by its name.
 * @param path for people @param text of the workflow
 * @throws ConfigurationError `workflow-unreadable`
 */
export function workflowSchedules(path: string, text: string): WrittenSchedule[] {
  const { on, jobs } = readWorkflow(path, text);
  if (on.schedule.length === 0) return [];
  const crons = on.schedule.map(({ cron, timezone }) => ({ text: cron, timezone }));
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  const done = new Map<Purpose, WrittenSchedule>();
  for (const step of steps) {
    for (const purpose of purposesOf(step)) {
      if (!done.has(purpose)) done.set(purpose, { purpose, where: path, crons, oncePer: oncePer(step) });
    }
  }
  return [...done.values()];
}

/** What GitHub makes of a workflow's file: when it starts by itself, and which environments its jobs run in. */
export interface WorkflowFacts {
  /** Without its folder, e.g. `backup.yml`. */
  readonly file: string;
  /** Those that GitHub can read, and whether one follows a zone's clock. */
  readonly crons: readonly Cron[];
  readonly zoned: boolean;
  readonly environments: readonly string[];
}

/** @param path for people @param text of the workflow @throws ConfigurationError `workflow-unreadable` */
export function workflowFacts(path: string, text: string): WorkflowFacts {
  const { on, jobs } = readWorkflow(path, text);
  const crons = on.schedule.map(({ cron, timezone }) => ({ text: cron, timezone }));
  const [schedule] = readSchedules([{ purpose: "daily", where: path, crons, oncePer: undefined }]).schedules;
  const environments = Object.values(jobs).flatMap(({ environment }) => environment ?? []);
  return {
    file: path.slice(path.lastIndexOf("/") + 1),
    ...{ crons: schedule?.crons ?? [], zoned: schedule?.zoned ?? false },
    environments: [...new Set(environments)],
  };
}

function inUtc(timezone: string): boolean {
  return /^(Etc\/)?(UTC|GMT)$/.test(timezone);
}

/** @param path for people @throws ConfigurationError `workflow-unreadable` */
export function readWorkflow(path: string, text: string): z.infer<typeof workflowSchema> {
  try {
    return workflowSchema.parse(parse(text));
  } catch {
    throw new ConfigurationError(
      "workflow-unreadable",
      `${path} is not a workflow that can be read.`,
      "Correct it; 'npm run check' says where.",
    );
  }
}

function purposesOf({ uses, with: given }: Step): Purpose[] {
  const action = /\/actions\/([a-z-]+)$/.exec(uses ?? "")?.[1];
  const files: Purpose[] = literal(given["with-files"]) === "true" ? ["files"] : [];
  switch (action) {
    case "backup-database": {
      const tier = literal(given["tier"]);
      return tier === "daily" || tier === "weekly" || tier === "monthly" ? [tier, ...files] : files;
    }
    case "sync-storage":
      return ["files"];
    case "test-restore":
      // One that only empties staging, after a test or a drill, proves nothing.
      return literal(given["wipe"]) === "true" ? [] : ["restoreTest"];
    default:
      return [];
  }
}

/** `day`, or the word in an expression like `${{ !inputs.another && 'day' || '' }}`, which is what a schedule gets. */
function oncePer({ with: given }: Step): WrittenSchedule["oncePer"] {
  if (literal(given["once-per-month"]).includes("true")) return "month";
  const said = literal(given["once-per"]);
  return periods.find((period) => said === period || said.includes(`'${period}'`));
}

function literal(value: unknown): string {
  return typeof value === "string" || typeof value === "boolean" ? String(value) : "";
}

import { parse } from "yaml";
import { z } from "zod";
import type { Purpose, ReadSchedules } from "../read-schedules.ts";
import { parseCron, rhythmOf } from "../schedule.ts";
import { drillsPerYear, minutesOf } from "./actions-minutes.ts";

/** What a step of a workflow asks a store for: one kind of run. */
export const runKinds = [
  ...["daily", "weekly", "monthly", "files"],
  ...["restoreTest", "openFiles", "drill", "retention", "publish", "monitor", "kit"],
] as const;
export type RunKind = (typeof runKinds)[number];

/** Runs in a year of one kind. */
export interface Runs {
  readonly attempts: number;
  /** Of them: those that find something to do, where a run asks first. */
  readonly done: number;
}

/** What the schedules come to in a year. */
export interface ScheduledRuns {
  readonly runs: Readonly<Record<RunKind, Runs>>;
  /** Share of the files' vault that is opened in a year by scheduled verifications: 1 is all of it, once. */
  readonly opened: number;
  /** Minutes of GitHub Actions a month, each job's rounded up. */
  readonly minutes: number;
}

const stepSchema = z.looseObject({ uses: z.string().optional(), with: z.record(z.string(), z.unknown()).default({}) });
const workflowSchema = z.looseObject({
  on: z.looseObject({ schedule: z.array(z.looseObject({ cron: z.string() })).default([]) }),
  jobs: z.record(
    z.string(),
    z.looseObject({ needs: z.unknown().optional(), if: z.string().optional(), steps: z.array(stepSchema).default([]) }),
  ),
});
type Step = z.infer<typeof stepSchema>;

export interface Workflow {
  readonly path: string;
  readonly text: string;
}

/** One a month, and one more when a key is replaced. */
const kitsPerYear = 12;

const none: Runs = { attempts: 0, done: 0 };
/** Works that ask first, and that the policy may schedule by itself. */
const once = ["daily", "weekly", "monthly", "files", "restoreTest"] as const satisfies readonly (Purpose & RunKind)[];

/**
 * Counts, by the actions that scheduled workflows use, what runs how often. Jobs that wait for others run only where those found
 * something rare, and are left out.
 * @param schedules of works that ask first whether there is something to do: the policy's own count before the workflows'
 */
export function scheduledRuns(workflows: readonly Workflow[], schedules: ReadSchedules): ScheduledRuns {
  const runs = Object.fromEntries(runKinds.map((kind) => [kind, none])) as Record<RunKind, Runs>;
  let opened = 0;
  let minutes = 0;
  for (const { path, text } of workflows) {
    const { on, jobs } = readScheduled(text);
    if (on.schedule.length === 0) continue;
    minutes += minutesOf(path, text)?.minutes ?? 0;
    const crons = on.schedule.map(({ cron }) => parseCron(cron));
    const attempts = rhythmOf([{ crons, oncePer: undefined, zoned: false }]).perYear;
    const steps = Object.values(jobs).flatMap(({ needs, steps }) => (needs === undefined ? steps : []));
    for (const step of steps) {
      const kind = kindOf(step);
      if (kind === undefined) continue;
      const before = runs[kind];
      runs[kind] = { attempts: before.attempts + attempts, done: before.done + attempts };
      if (kind === "openFiles") opened += attempts * shareOf(step);
    }
  }
  for (const kind of once) {
    const works = schedules.schedules.filter(({ purpose }) => purpose === kind);
    const done = rhythmOf(works).perYear;
    runs[kind] = { attempts: Math.max(runs[kind].attempts, done), done };
  }
  runs.drill = { ...runs.drill, done: Math.min(runs.drill.attempts, drillsPerYear) };
  runs.kit = { ...runs.kit, done: Math.min(runs.kit.attempts, kitsPerYear) };
  return { runs, opened, minutes };
}

/** A workflow that nobody can read runs nothing here: `policy check` says so. */
function readScheduled(text: string): z.infer<typeof workflowSchema> {
  try {
    return workflowSchema.parse(parse(text));
  } catch {
    return { on: { schedule: [] }, jobs: {} };
  }
}

function kindOf({ uses, with: given }: Step): RunKind | undefined {
  switch (/\/actions\/([a-z-]+)$/.exec(uses ?? "")?.[1]) {
    case "backup-database":
      return runKinds.find((kind) => kind === given["tier"]);
    case "sync-storage":
      return "files";
    case "test-restore":
      // What only empties staging asks the vault for nothing.
      return String(given["wipe"]) === "true" ? undefined : "restoreTest";
    case "verify-backup":
      return String(given["files"]) === "true" ? "openFiles" : undefined;
    case "run-drill":
      return "drill";
    case "apply-retention":
      return "retention";
    case "publish-report":
      return "publish";
    case "monitor":
      return "monitor";
    case "rescue-kit":
      return "kit";
    default:
      return undefined;
  }
}

/** `20%`, or what a verification takes where nothing is said: all within 60 days, which three a month do. */
function shareOf({ with: given }: Step): number {
  const [, percent] = /^(\d+(?:\.\d+)?)\s*%$/.exec(String(given["share"] ?? "")) ?? [];
  return percent === undefined ? 0.2 : Number(percent) / 100;
}

import { parse } from "yaml";
import { z } from "zod";
import { ConfigurationError } from "../base/errors.ts";
import { periods } from "./period.ts";
import type { Purpose, WrittenSchedule } from "./read-schedules.ts";

const stepSchema = z.looseObject({ uses: z.string().optional(), with: z.record(z.string(), z.unknown()).default({}) });
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
  jobs: z.record(z.string(), z.looseObject({ steps: z.array(stepSchema).default([]) })).default({}),
});
type Step = z.infer<typeof stepSchema>;

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

function readWorkflow(path: string, text: string): z.infer<typeof workflowSchema> {
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
      return ["restoreTest"];
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

import { countOf, formatMinute } from "../../base/measures.ts";
import type { WorkflowFacts } from "../read-schedules.ts";
import type { Finding } from "./check.ts";
import { nextAttempt, zoneMillis } from "./due.ts";

/** A workflow with a schedule, and what GitHub knows of it. */
export interface ScheduledWorkflow extends Pick<WorkflowFacts, "file" | "crons" | "zoned"> {
  /** When GitHub first knew of it, or when it was switched on again; ISO 8601. */
  readonly since: string;
  /** When its schedule last started a run; undefined: never. */
  readonly lastAt: string | undefined;
}

/** Where the next attempt is so far away, one that is missed is waited for no longer. */
const farMillis = 8 * 86_400_000;
const minuteMillis = 60_000;

/**
 * When a workflow whose schedule works must have been started again: with its second attempt from now, because GitHub drops one now and
 * then; with its first where the second is more than 8 days later. Of attempts that follow each other within days, as in a month's first
 * week, the last may be dropped when one before it was not.
 */
function startDue({ crons, zoned, since, lastAt }: ScheduledWorkflow, lateMinutes: number): Date | undefined {
  const last = new Date(lastAt ?? since);
  let first = nextAttempt(crons, last);
  let second = first && nextAttempt(crons, first);
  if (lastAt !== undefined && first !== undefined && isFar(first, second) && !isFar(last, first)) {
    first = second;
    second = first && nextAttempt(crons, first);
  }
  const due = first !== undefined && isFar(first, second) ? first : second;
  return due && new Date(due.getTime() + lateMinutes * minuteMillis + (zoned ? zoneMillis : 0));
}

function isFar(one: Date, next: Date | undefined): boolean {
  return next === undefined || next.getTime() - one.getTime() > farMillis;
}

/** Whether GitHub starts what it should. */
export function judgeSchedules(workflows: readonly ScheduledWorkflow[], lateMinutes: number, now: Date): Finding {
  const dues = workflows.map((workflow) => ({ ...workflow, due: startDue(workflow, lateMinutes) }));
  const missed = dues.filter(({ due }) => due === undefined || due <= now);
  const [first] = missed;
  if (first !== undefined) {
    const { file, lastAt, due } = first;
    const last =
      lastAt === undefined ? "was never started by its schedule" : `was last started on ${formatMinute(lastAt)}`;
    const next =
      due === undefined ? "its schedule names no day that comes" : `it was due again by ${formatMinute(due.getTime())}`;
    const more = missed.length === 1 ? "" : ` And ${countOf(missed.length - 1, "more workflow", "more workflows")}.`;
    return {
      state: "critical",
      found: `${file} ${last}, and ${next}.${more}`,
      means: "Backups, proofs and reports stop, and none of them can say so.",
      next: `Start ${file} by its button. See under Actions whether it is disabled, and at githubstatus.com whether schedules are late.`,
    };
  }
  const due = dues.flatMap((one) => one.due?.getTime() ?? []);
  return {
    state: "ok",
    found: `GitHub starts ${countOf(workflows.length, "workflow")} by schedule, none of them too late.`,
    ...(due.length > 0 && { dueAt: new Date(Math.min(...due)).toISOString() }),
  };
}

/** A workflow as GitHub lists it. @see docs.github.com/rest/actions/workflows */
export interface ListedWorkflow {
  readonly file: string;
  /** `active`, `disabled_manually`, `disabled_inactivity`, `disabled_fork`, `deleted` */
  readonly state: string;
}

/** Whether every workflow of the checkout is switched on. */
export function judgeSwitchedOn(
  files: readonly Pick<WorkflowFacts, "file" | "crons">[],
  listed: readonly ListedWorkflow[],
): Finding {
  const stateOf = new Map(listed.map(({ file, state }) => [file, state]));
  const off = files.filter(({ file }) => stateOf.get(file) !== "active");
  const scheduled = off.filter(({ crons }) => crons.length > 0);
  const worst = scheduled[0] ?? off[0];
  if (worst === undefined)
    return { state: "ok", found: `All ${countOf(files.length, "workflow")} of the repository are switched on.` };
  const more = off.length === 1 ? "" : ` And ${countOf(off.length - 1, "more workflow", "more workflows")}.`;
  return {
    state: scheduled.length > 0 ? "critical" : "warning",
    found: `${worst.file} ${howOff(stateOf.get(worst.file))}.${more}`,
    means:
      scheduled.length > 0
        ? "What it does on its schedule is not done."
        : "Its button cannot be pressed when it is needed.",
    next: `Under Actions, choose the workflow and enable it, or run \`gh workflow enable ${worst.file}\`.`,
  };
}

function howOff(state: string | undefined): string {
  switch (state) {
    case undefined:
    case "deleted":
      return "is not known to GitHub";
    case "disabled_inactivity":
      return "was switched off by GitHub after sixty days without activity in the repository";
    case "disabled_manually":
      return "was switched off by somebody";
    default:
      return "is switched off";
  }
}

import { LifeboatError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import { type Confirmation, confirmed, type Heard } from "../../policy/monitor/alerts.ts";
import { channelsCheck } from "../../policy/monitor/channels.ts";
import type { CheckResult } from "../../policy/monitor/check.ts";
import { encodeState, type MonitorState, statePath } from "../../policy/monitor/state.ts";
import type { Tree } from "../../report/branch/fold-runs.ts";
import type { BranchPlan } from "../../report/branch/plan-branch.ts";
import type { Outcome } from "../../report/run/run-report.ts";
import type { Told } from "../operation.ts";
import { type BranchTarget, pushReports } from "../publish/reports-branch.ts";
import { type Around, dashboardOf } from "./dashboard.ts";
import { type Judged, judge, type Looking, lookAround, type Seen } from "./look.ts";
import { told } from "./page.ts";
import { stateOf } from "./read-state.ts";
import { tellSummary } from "./summary.ts";
import { reasonOf } from "./table.ts";
import { openTelling, tellMessages } from "./tell.ts";

type Target = Omit<BranchTarget, "message">;

/**
 * One run of the monitor: it looks, keeps what it is about to tell, tells it, and keeps who was told. What is kept lies on the branch
 * `reports`, and of two runs at once the second finds there what the first is about to tell. When the branch cannot be read or pushed, all
 * that is bad is told all the same, and the run fails.
 */
export async function watch(looking: Looking, target: Target): Promise<Told> {
  const { context, now } = looking;
  const { silences } = context.config().policy.monitor;
  const notes = new Set<string>();
  let undrawn: Failure;
  const drawn = (tree: Tree, around: Around, results: Judged["results"], state: MonitorState): Files => {
    try {
      undrawn = undefined;
      return dashboardOf(around, tree, { results, state, silences });
    } catch (error) {
      undrawn = notDrawn(error);
      return new Map();
    }
  };
  let seen: Seen | undefined;
  let judged: Judged | undefined;
  const unpublished = await publish(target, "Look at everything", async (tree) => {
    const { state, problem } = stateOf(tree);
    if (problem !== undefined) notes.add(problem);
    seen ??= await lookAround(looking, state?.history ?? {}, tree);
    judged = judge(seen, state, looking);
    return planOf(tree, judged.after, drawn(tree, seen.around, judged.results, judged.after));
  });
  seen ??= await lookAround(looking, {});
  judged ??= judge(seen, undefined, looking);
  const { results, after, messages, vanished, summaryDue } = judged;
  const { around } = seen;
  const telling = openTelling(context);
  const confirmations = await tellMessages(messages, telling);
  // What cannot be kept would be sent by every run.
  const due = summaryDue && unpublished === undefined;
  const summary = due ? await tellSummary(looking, { results, around }, after, telling) : undefined;
  const heard: Heard = { confirmations, summary, now };
  const state = confirmed(after, heard);
  const silent = confirmations.length === 0 && summary === undefined;
  const unconfirmed =
    unpublished !== undefined || silent
      ? undefined
      : await publish(target, "Keep who was told", async (tree) => {
          const kept = confirmed(stateOf(tree).state ?? after, heard);
          return planOf(tree, kept, drawn(tree, around, results, kept));
        });
  for (const id of vanished) notes.add(`${id} is not in the table any more; people had been told of it.`);
  for (const { message, told } of confirmations)
    notes.add(
      `Told ${told.length === 0 ? "nobody" : told.join(", ")}: ${message.level}, ${countOf(message.turns.length, "check")}.`,
    );
  const failure = unpublished ?? unconfirmed ?? untold(confirmations) ?? blind(seen.results) ?? undrawn;
  return {
    ...told({ results, state, silences, now, notes: [...notes] }),
    ...(failure !== undefined && { failure }),
  };
}

type Files = ReadonlyMap<string, string>;

/** The state, and the dashboard's files, as far as they change the branch. */
function planOf(tree: Tree, state: MonitorState, dashboard: Files): BranchPlan {
  const files = [[statePath, encodeState(state)] as const, ...dashboard];
  const changed = files.filter(([path, text]) => !tree.paths.includes(path) || tree.read(path) !== text);
  return { changes: new Map(changed), told: 0, foreign: [], lost: [] };
}

/** Alerts go out all the same; the page turns red when nobody renews it. */
function notDrawn(error: unknown): Failure {
  return {
    code: "dashboard-failed",
    message: `The dashboard could not be made: ${reasonOf(error)}.`,
    next: "Run `lifeboat monitor --out FOLDER --verbose` at a terminal, and report it.",
  };
}

type Failure = Outcome["failure"];

/** @returns why the branch has not taken it, whatever the reason: people are told all the same; undefined when it has */
async function publish(target: Target, message: string, plan: (tree: Tree) => Promise<BranchPlan>): Promise<Failure> {
  try {
    await pushReports(plan, { ...target, message });
    return undefined;
  } catch (error) {
    target.signal?.throwIfAborted();
    const ours = error instanceof LifeboatError ? error : undefined;
    const reason = ours?.message ?? `${reasonOf(error)}.`;
    target.log.warn(reason);
    return {
      code: ours?.code ?? "state-failed",
      message: `The state of the monitor could not be kept: ${reason} Until it can, each run tells everything again.`,
      next: ours?.next ?? "Run the job again; when it stays so, report it.",
    };
  }
}

function untold(confirmations: readonly Confirmation[]): Failure {
  const unheard = confirmations.filter(({ message, told }) => message.level !== "good" && told.length === 0);
  if (unheard.length === 0) return undefined;
  const checks = unheard.flatMap(({ message }) => message.turns);
  return {
    code: "nobody-told",
    message: `No channel took the news of ${countOf(checks.length, "check")}.`,
    next: "Set the channels of the environment `monitor`, or correct them: `lifeboat check` tries them.",
  };
}

function blind(results: readonly CheckResult[]): Failure {
  const looked = results.filter(({ id }) => id !== channelsCheck);
  if (looked.length === 0 || looked.some(({ state }) => state !== "unknown")) return undefined;
  return {
    code: "monitor-blind",
    message: `None of ${countOf(looked.length, "check")} could look.`,
    next: "Set what they need in the environment `monitor`: the table says what.",
  };
}

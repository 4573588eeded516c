import { type Advance, advance, claimSummary, shownResults } from "../../policy/monitor/alerts.ts";
import { judgeChannels, unreachedAfter } from "../../policy/monitor/channels.ts";
import type { CheckResult } from "../../policy/monitor/check.ts";
import { type MonitorState, noState } from "../../policy/monitor/state.ts";
import { allRows, readRuns, type Tree } from "../../report/branch/fold-runs.ts";
import { cleaner } from "../../report/run/clean-text.ts";
import type { VaultStanding } from "../../vault/standing.ts";
import type { Context } from "../context.ts";
import type { Check, Look, ToldHead } from "./check.ts";
import { type Around, readAround } from "./dashboard.ts";
import { runTable } from "./table.ts";
import { type TriedChannels, tryChannels } from "./try-channels.ts";

/** What one run looks with. */
export interface Looking {
  readonly context: Context;
  readonly now: Date;
  readonly checks: (look: Look) => readonly Check[];
  /** What the vault has, as the same run's checks are told it. Asked where a vault is set. */
  readonly standing: (look: Look) => Promise<VaultStanding>;
}

/** What the world said, whatever was known before. */
export interface Seen {
  readonly results: readonly CheckResult[];
  readonly tried: TriedChannels;
  /** What the dashboard shows beside the checks. */
  readonly around: Around;
}

/** Every check looks once; beside them the channels are tried, and what only the dashboard shows is read. @param history what was kept @param tree the branch `reports`, where it could be read */
export async function lookAround(
  { context, now, checks, standing }: Looking,
  history: MonitorState["history"],
  tree?: Tree,
): Promise<Seen> {
  const { env, log, signal } = context;
  const look: Look = {
    ...{ context, now, heads: tree && toldHeads(tree) },
    history: (id) => (Object.hasOwn(history, id) ? (history[id] ?? []) : []),
  };
  const [results, tried, around] = await Promise.all([
    runTable(checks(look), { log, signal, clean: cleaner(env) }),
    tryChannels(env, context.config().policy.notify),
    readAround(look, () => standing(look)),
  ]);
  return { results, tried, around };
}

/** What the runs of the branch tell of the audit trail's end. */
function toldHeads(tree: Tree): ToldHead[] {
  return allRows(readRuns(tree)).flatMap(({ at, operations }) =>
    operations.flatMap(({ audit }) => (audit === undefined || audit === null ? [] : [{ ...audit, at }])),
  );
}

export interface Judged extends Advance {
  /** As everybody is shown them, with the check of the channels, which needs to know since when. */
  readonly results: readonly CheckResult[];
  /** The day's summary is this run's to send. */
  readonly summaryDue: boolean;
}

/** What this run makes of what it saw, by what was known. Without it nothing counts as told. */
export function judge({ results, tried }: Seen, known: MonitorState = noState, { context, now }: Looking): Judged {
  const { monitor, notify } = context.config().policy;
  const run = `${context.run.runId}/${context.run.attempt}`;
  // A channel that is not set any more is no way to people that fails.
  const still = tried.set.flatMap((name) => (known.unreached[name] ? [[name, known.unreached[name]]] : []));
  const unreached = unreachedAfter(Object.fromEntries(still), [tried], now, "trial");
  const all = [...results, judgeChannels(unreached, tried.set, now)];
  const { after, ...advanced } = advance({ ...known, unreached }, all, { ...monitor, now, run });
  const { hour, channels } = notify.summary;
  const heard = channels.some((name) => tried.set.includes(name));
  const { state, due } = claimSummary(after, { now, run, hour: heard ? hour : null });
  return { ...advanced, after: state, summaryDue: due, results: shownResults(all, state.checks, { ...monitor, now }) };
}

import { LifeboatError } from "../../base/errors.ts";
import { dailySummary } from "../../notify/daily-summary.ts";
import type { Reached } from "../../policy/monitor/channels.ts";
import { worstFirst } from "../../policy/monitor/check.ts";
import { silenceOf } from "../../policy/monitor/silences.ts";
import type { MonitorState } from "../../policy/monitor/state.ts";
import { truthOf } from "../../report/branch/standing.ts";
import type { RunReport } from "../../report/run/run-report.ts";
import type { Head } from "../../vault/audit/entry.ts";
import { findHead } from "../../vault/audit/find-head.ts";
import { trailTrust } from "../audit/run-trail.ts";
import { loadOperations, namesOf } from "../catalogue.ts";
import type { Context } from "../context.ts";
import { openSource } from "../publish/vault-reports.ts";
import type { Looking, Seen } from "./look.ts";
import { type Telling, tellAlert } from "./tell.ts";

/** Sends the day's summary: the head of the table, then what ran in the last 24 hours and what the promises say. */
export async function tellSummary(
  { context, now }: Looking,
  { results, around }: Pick<Seen, "results" | "around">,
  { unreached }: MonitorState,
  telling: Telling,
): Promise<Reached> {
  const { monitor, notify } = context.config().policy;
  const checks = worstFirst(results).map((one) => ({
    ...one,
    silencedUntil: silenceOf(monitor.silences, one.id, now)?.until,
  }));
  const reports = await reportsOf(context, now);
  const promises = around.promises?.(around.standing && truthOf(around.standing), now);
  const { label } = namesOf(await loadOperations());
  const day = now.toISOString().slice(0, 10);
  const trail = await trailOf(context);
  const alert = dailySummary({ day, checks, reports, promises, trail }, { pageUrl: telling.pageUrl, label });
  const conversation = { key: `summary-${day}`, topic: "daily summary", attempt: 1 };
  // A channel that took nothing last is tried again at least once a day: only a message shows that it works.
  const reach = Object.keys(unreached).length > 0 ? "all" : notify.summary.reach;
  return tellAlert(alert, conversation, { channels: notify.summary.channels, reach }, telling);
}

/** The end of the audit trail, told where nobody who writes it can change it. */
async function trailOf(context: Context): Promise<Head | undefined> {
  if (!context.has("vault")) return undefined;
  try {
    return (await findHead(await context.vault(), await trailTrust(context.config()))).head;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    context.log.warn(`The end of the audit trail is not in the summary: ${error.message}`);
    return undefined;
  }
}

/** Those of the last 24 hours; none where the vault cannot be asked, which stops no summary. */
async function reportsOf(context: Context, now: Date): Promise<readonly RunReport[]> {
  if (!context.has("vault")) return [];
  const since = new Date(now.getTime() - 86_400_000);
  try {
    const { reports } = await (await openSource(context)).reports(since);
    return reports.filter(({ endedAt }) => Date.parse(endedAt) >= since.getTime());
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    context.log.warn(`The runs of the day are not in the summary: ${error.message}`);
    return [];
  }
}

import { LifeboatError } from "../../base/errors.ts";
import { dailySummary } from "../../notify/daily-summary.ts";
import type { Reached } from "../../policy/monitor/channels.ts";
import type { CheckResult } from "../../policy/monitor/check.ts";
import { silenceOf } from "../../policy/monitor/silences.ts";
import type { MonitorState } from "../../policy/monitor/state.ts";
import type { PromiseCheck } from "../../policy/promises.ts";
import type { RunReport } from "../../report/run/run-report.ts";
import { loadOperations, namesOf } from "../catalogue.ts";
import type { Context } from "../context.ts";
import { askVault, checkPromises } from "../policy-check/promise-check.ts";
import { openSource } from "../publish/vault-reports.ts";
import type { Looking } from "./look.ts";
import { worstFirst } from "./page.ts";
import { type Telling, tellAlert } from "./tell.ts";

/** Sends the day's summary: the head of the table, then what ran in the last 24 hours and what the promises say. */
export async function tellSummary(
  { context, now }: Looking,
  results: readonly CheckResult[],
  { unreached }: MonitorState,
  telling: Telling,
): Promise<Reached> {
  const { monitor, notify } = context.config().policy;
  const checks = worstFirst(results).map((one) => ({
    ...one,
    silencedUntil: silenceOf(monitor.silences, one.id, now)?.until,
  }));
  const [reports, promises] = await Promise.all([reportsOf(context, now), promisesOf(context)]);
  const { label } = namesOf(await loadOperations());
  const day = now.toISOString().slice(0, 10);
  const alert = dailySummary({ day, checks, reports, promises }, { pageUrl: telling.pageUrl, label });
  const conversation = { key: `summary-${day}`, topic: "daily summary", attempt: 1 };
  // A channel that took nothing last is tried again at least once a day: only a message shows that it works.
  const reach = Object.keys(unreached).length > 0 ? "all" : notify.summary.reach;
  return tellAlert(alert, conversation, { channels: notify.summary.channels, reach }, telling);
}

async function reportsOf(context: Context, now: Date): Promise<readonly RunReport[]> {
  if (!context.has("vault")) return [];
  const since = new Date(now.getTime() - 86_400_000);
  const read = await unlessRefused(context, "The runs of the day are not in the summary", async () =>
    (await openSource(context)).reports(since),
  );
  return read?.reports.filter(({ endedAt }) => Date.parse(endedAt) >= since.getTime()) ?? [];
}

/** Undefined where they cannot be told, which stops no summary. */
async function promisesOf(context: Context): Promise<PromiseCheck | undefined> {
  return unlessRefused(context, "The promises are not in the summary", async () =>
    checkPromises(context.config(), await askVault(context)),
  );
}

async function unlessRefused<Found>(
  { log }: Context,
  what: string,
  work: () => Promise<Found>,
): Promise<Found | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`${what}: ${error.message}`);
    return undefined;
  }
}

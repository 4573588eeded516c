import { type NotifyPolicy, notifyPolicySchema } from "../config/policy/policy.ts";
import { runAlert } from "../notify/alert.ts";
import { conversationOf, deliver } from "../notify/channel.ts";
import { openChannels, pageUrls } from "../notify/open-channels.ts";
import { noThreads, vaultThreads } from "../notify/slack.ts";
import { isBad } from "../report/run/merge-reports.ts";
import type { News } from "../report/run/outcome.ts";
import type { RunReport } from "../report/run/run-report.ts";
import type { Vault } from "../vault/s3/client.ts";
import { heartbeat, type Watched } from "./heartbeat.ts";

export interface Telling extends Watched {
  /** Undefined where the step does not know the vault: then there are no threads. */
  readonly vault: Pick<Vault, "get" | "put"> | undefined;
  readonly policy: NotifyPolicy;
  /** The process is about to be ended. */
  readonly hurry: boolean;
  /** Another job goes on with what this one did well: neither the watcher nor people hear of it yet. */
  readonly unfinished: boolean;
  /** People hear of it although it went well. */
  readonly news: News | undefined;
}

/** When the policy itself is what is wrong, people have to be told anyway. */
export const defaultNotifyPolicy: NotifyPolicy = notifyPolicySchema.parse(undefined);

/**
 * Tells the watcher outside, and people when it failed: at once, in the run's thread when it has one. A later attempt that went
 * well says so where the failure was told. Takes ten seconds at most, a cancelled job three.
 * @returns the channels that could not be told
 */
export async function tellPeople(report: RunReport, telling: Telling): Promise<string[]> {
  const { env, log, policy, hurry, unfinished, news } = telling;
  const failed = isBad(report.conclusion);
  const told = report.operations[0];
  if (!failed && unfinished) return [];
  const beating = told === undefined ? true : heartbeat(told.operation, failed ? "fail" : "success", telling);
  const threads = telling.vault === undefined ? noThreads : vaultThreads(telling.vault);
  // Reports are published in runs of all kinds, those that failed among them: that is no recovery.
  const quiet = !failed && told?.operation === "publish";
  const channels = quiet ? [] : openChannels(policy.failure.channels, { env, log, threads });
  const conversation = {
    ...conversationOf(report.run, told?.job, told?.operation),
    onlyContinue: !failed && news === undefined,
  };
  if ((failed || news !== undefined) && channels.length === 0)
    log.info("Nobody is told of this: no channel is set (.env.example).");
  const { told: reached, untold } = await deliver(
    runAlert(report, { pageUrl: pageUrls(env), label: telling.names.label }, news),
    conversation,
    channels,
    {
      // Where it was told that it failed, it has to be told that it works again: that is for each channel to know.
      reach: failed || news === "begun" ? policy.failure.reach : "all",
      ...(hurry && { each: 1500, total: 3000 }),
    },
  );
  if (reached.length > 0) log.info(`Told: ${reached.join(", ")}.`);
  for (const { channel, reason } of untold) log.warn(`${channel} could not be told: ${reason}.`);
  return [...untold.map(({ channel }) => channel), ...((await beating) ? [] : ["heartbeat"])];
}

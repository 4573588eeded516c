import type { Log } from "../base/log.ts";
import { heartbeatSetting, readHeartbeat } from "../config/channels.ts";
import { type Environment, optional } from "../config/environment.ts";
import { type NotifyPolicy, notifyPolicySchema } from "../config/policy/policy.ts";
import { Problems } from "../config/problems.ts";
import { runAlert } from "../notify/alert.ts";
import { type Beat, beat, conversationOf, deliver } from "../notify/channel.ts";
import { openChannels, pageUrls } from "../notify/open-channels.ts";
import { noThreads, vaultThreads } from "../notify/slack.ts";
import type { Names } from "../operations/catalogue.ts";
import { isBad } from "../report/run/merge-reports.ts";
import type { News, RunReport } from "../report/run/run-report.ts";
import type { Vault } from "../vault/s3/client.ts";

export interface Watched {
  readonly env: Environment;
  readonly log: Log;
  readonly names: Names;
  /** Which of several works of the operation it is; see `Reported`. */
  readonly aside?: string | undefined;
}

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
      reach: failed || news === "begun" || news === "jumps" ? policy.failure.reach : "all",
      ...(hurry && { each: 1500, total: 3000 }),
    },
  );
  if (reached.length > 0) log.info(`Told: ${reached.join(", ")}.`);
  for (const { channel, reason } of untold) log.warn(`${channel} could not be told: ${reason}.`);
  return [...untold.map(({ channel }) => channel), ...((await beating) ? [] : ["heartbeat"])];
}

/** One request of at most three seconds to the operation's heartbeat, if it has one. @returns whether it was heard, or had none */
export async function heartbeat(operation: string, what: Beat, { env, log, names, aside }: Watched): Promise<boolean> {
  if (!names.watched.includes(operation)) return true;
  const own = aside === undefined ? operation : `${operation}-${aside}`;
  const shared = own !== operation && optional(env, heartbeatSetting(own)) === undefined;
  if (shared && what !== "fail") return true;
  const problems = new Problems();
  const url = readHeartbeat(env, shared ? operation : own, problems);
  for (const { setting, text } of problems.list()) log.warn(`The heartbeat is not sent: ${setting} ${text}`);
  if (url === undefined) return problems.list().length === 0;
  const failure = await beat(url, what, 3000);
  if (failure !== undefined) log.warn(`The heartbeat (${what}) could not be sent: ${failure}.`);
  return failure === undefined;
}

import { loadConfig } from "../config/load.ts";
import { type NotifyPolicy, notifyPolicySchema } from "../config/policy/policy.ts";
import { cleanAlert, runAlert } from "../notify/alert.ts";
import { type Conversation, deliver } from "../notify/channel.ts";
import { claimSummary, dailySummary } from "../notify/daily-summary.ts";
import { noThreads, vaultThreads } from "../notify/slack.ts";
import { checkPromises } from "../operations/policy-check/promise-check.ts";
import { readVaultReports } from "../operations/publish/vault-reports.ts";
import type { PromiseCheck } from "../policy/promises.ts";
import { truthOf } from "../report/branch/standing.ts";
import { cleaner } from "../report/run/clean-text.ts";
import { isBad } from "../report/run/merge-reports.ts";
import type { News } from "../report/run/outcome.ts";
import { type RunReport, workOf } from "../report/run/run-report.ts";
import type { SignBytes } from "../seal/keys/signature.ts";
import { askStanding, noteVerifier } from "../vault/configured.ts";
import type { Vault } from "../vault/s3/client.ts";
import { heartbeat, openChannels, pageUrls, type Watched } from "./channels.ts";

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
  const conversation: Conversation = {
    key: [report.run.workflow, report.run.runId, told?.job.split(".")[1]]
      .filter((each) => each !== undefined)
      .join("-"),
    topic: [workOf(report), told?.operation].filter((each) => each !== undefined).join(", "),
    attempt: report.run.attempt,
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
      ...(hurry ? { each: 1500, total: 3000 } : { each: 4000, total: 10_000 }),
    },
  );
  if (reached.length > 0) log.info(`Told: ${reached.join(", ")}.`);
  for (const { channel, reason } of untold) log.warn(`${channel} could not be told: ${reason}.`);
  return [...untold.map(({ channel }) => channel), ...((await beating) ? [] : ["heartbeat"])];
}

/**
 * Sends the day's summary if it is time, nobody has sent it, and a channel is set. The first run that ends after the policy's
 * hour does it; all that it knows is in the vault.
 */
export async function tellDailySummary(
  last: RunReport,
  {
    env,
    log,
    names: words,
    policy,
    vault,
  }: Omit<Telling, "hurry" | "unfinished" | "news" | "vault"> & { readonly vault: Vault },
  sign: SignBytes | undefined,
): Promise<void> {
  const { hour, channels: names, reach } = policy.summary;
  const now = new Date(last.endedAt);
  if (hour === null || now.getUTCHours() < hour) return;
  const channels = openChannels(names, { env, log, threads: noThreads });
  if (channels.length === 0) return;
  const day = last.endedAt.slice(0, 10);
  if (sign === undefined) return log.info("The daily summary is left to a run that holds a key: its claim is signed.");
  const verify = await noteVerifier(await loadConfig({ needs: [], env }));
  const claim = await claimSummary(vault, day, { sign, verify });
  if (claim === undefined) return;
  try {
    const since = new Date(now.getTime() - 86_400_000);
    const { reports } = await readVaultReports(vault, verify, { since, now });
    const promises = await currentPromises({ env, log });
    const recent = reports.filter(({ endedAt }) => Date.parse(endedAt) >= since.getTime());
    const alert = cleanAlert(
      dailySummary({ day, reports: recent, promises }, { pageUrl: pageUrls(env), label: words.label }),
      cleaner(env),
    );
    const conversation = { key: `summary-${day}`, topic: "daily summary", attempt: 1 };
    const { told, untold } = await deliver(alert, conversation, channels, { reach, each: 4000, total: 10_000 });
    for (const { channel, reason } of untold) log.warn(`${channel} could not be told the daily summary: ${reason}.`);
    if (told.length === 0) await claim.release();
    else log.info(`The day's summary was sent: ${told.join(", ")}.`);
  } catch (error) {
    await claim.release();
    throw error;
  }
}

/** The promises beside what the vault has; undefined where that can't be told, which stops no summary. */
async function currentPromises({ env, log }: Pick<Telling, "env" | "log">): Promise<PromiseCheck | undefined> {
  try {
    const config = await loadConfig({ needs: ["vault"], env });
    const quick = { attempts: 1, totalSeconds: 5, stallSeconds: 5 };
    const truth = await askStanding(config, quick).then(truthOf, () => undefined);
    return await checkPromises(config, truth);
  } catch {
    log.info("The promises could not be checked for the summary; 'lifeboat policy check' says why.");
    return undefined;
  }
}

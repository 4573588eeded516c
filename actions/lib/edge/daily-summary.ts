import { loadConfig } from "../config/load.ts";
import { cleanAlert } from "../notify/alert.ts";
import { deliver } from "../notify/channel.ts";
import { claimSummary, dailySummary } from "../notify/daily-summary.ts";
import { noThreads } from "../notify/thread-store.ts";
import { checkPromises } from "../operations/policy-check/promise-check.ts";
import { readVaultReports } from "../operations/publish/vault-reports.ts";
import type { PromiseCheck } from "../policy/promises.ts";
import { truthOf } from "../report/branch/standing.ts";
import { cleaner } from "../report/run/clean-text.ts";
import type { RunReport } from "../report/run/run-report.ts";
import type { SignBytes } from "../seal/keys/signature.ts";
import { askStanding, noteVerifier } from "../vault/configured.ts";
import type { Vault } from "../vault/s3/client.ts";
import { openChannels, pageUrls } from "./channels.ts";
import type { Telling } from "./tell-people.ts";

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
  }: Omit<Telling, "hurry" | "unfinished" | "vault"> & { readonly vault: Vault },
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

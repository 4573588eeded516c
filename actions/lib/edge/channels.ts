import type { Log } from "../base/log.ts";
import { type ChannelSettings, heartbeatSetting, readChannels, readHeartbeat } from "../config/channels.ts";
import { type Environment, optional } from "../config/environment.ts";
import type { ChannelName } from "../config/policy/policy.ts";
import { Problems } from "../config/problems.ts";
import type { PageUrl } from "../notify/alert.ts";
import { type Beat, beat, type Channel } from "../notify/channel.ts";
import { emailChannel } from "../notify/email.ts";
import { issueChannel } from "../notify/issue.ts";
import { slackChannel, type ThreadStore } from "../notify/slack.ts";
import type { Names } from "../operations/catalogue.ts";

/** The channels that the policy names and the environment sets, in the policy's order. What is half set is said once. */
export function openChannels(
  names: readonly ChannelName[],
  { env, log, threads }: { readonly env: Environment; readonly log: Log; readonly threads: ThreadStore },
): Channel[] {
  const problems = new Problems();
  const settings = readChannels(env, problems);
  for (const { setting, text } of problems.list()) log.warn(`Nobody is told this way: ${setting} ${text}`);
  return names.flatMap((name) => openChannel(name, settings, threads) ?? []);
}

function openChannel(name: ChannelName, settings: ChannelSettings, threads: ThreadStore): Channel | undefined {
  switch (name) {
    case "slack":
      return settings.slack === undefined ? undefined : slackChannel(settings.slack, threads);
    case "email":
      return settings.email === undefined ? undefined : emailChannel(settings.email);
    case "issue":
      return settings.issue === undefined ? undefined : issueChannel(settings.issue);
  }
}

export interface Watched {
  readonly env: Environment;
  readonly log: Log;
  readonly names: Names;
  /** Which of several works of the operation it is; see `Reported`. */
  readonly aside?: string | undefined;
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

/** Pages of this repository on GitHub; undefined elsewhere. */
export function pageUrls(env: Environment): PageUrl {
  const [server, repository] = [env["GITHUB_SERVER_URL"], env["GITHUB_REPOSITORY"]];
  return (path) => (server && repository ? `${server}/${repository}/blob/main/${path}` : undefined);
}

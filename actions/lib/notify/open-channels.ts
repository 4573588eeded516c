import type { Log } from "../base/log.ts";
import { type ChannelSettings, readChannels } from "../config/channels.ts";
import type { Environment } from "../config/environment.ts";
import type { ChannelName } from "../config/policy/policy.ts";
import { Problems } from "../config/problems.ts";
import type { PageUrl } from "./alert.ts";
import type { Channel } from "./channel.ts";
import { emailChannel } from "./email.ts";
import { issueChannel } from "./issue.ts";
import { slackChannel, type ThreadStore } from "./slack.ts";

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

/** Where this repository is on GitHub; undefined elsewhere. */
export function repositoryUrl(env: Environment): string | undefined {
  const [server, repository] = [env["GITHUB_SERVER_URL"], env["GITHUB_REPOSITORY"]];
  return server && repository ? `${server}/${repository}` : undefined;
}

/** Its pages. */
export function pageUrls(env: Environment): PageUrl {
  const repository = repositoryUrl(env);
  return (path) => (repository === undefined ? undefined : `${repository}/blob/main/${path}`);
}

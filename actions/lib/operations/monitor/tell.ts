import type { Log } from "../../base/log.ts";
import type { ChannelName, NotifyPolicy } from "../../config/policy/policy.ts";
import { type Alert, cleanAlert, type PageUrl } from "../../notify/alert.ts";
import { type Channel, type Conversation, deliver } from "../../notify/channel.ts";
import { monitorAlert } from "../../notify/monitor-alert.ts";
import { openChannels, pageUrls } from "../../notify/open-channels.ts";
import { noThreads } from "../../notify/slack.ts";
import type { Confirmation, Message } from "../../policy/monitor/alerts.ts";
import type { Reached } from "../../policy/monitor/channels.ts";
import { cleaner } from "../../report/run/clean-text.ts";
import type { Context } from "../context.ts";

/** How a run of the monitor reaches people. */
export interface Telling {
  readonly policy: NotifyPolicy;
  /** Those of the names that are set, in their order. */
  readonly channels: (names: readonly ChannelName[]) => readonly Channel[];
  readonly pageUrl: PageUrl;
  readonly clean: (text: string) => string;
  readonly log: Log;
}

/** With the channels of this job, and the last net under what is sent. */
export function openTelling(context: Context): Telling {
  const { env, log } = context;
  return {
    policy: context.config().policy.notify,
    channels: (names) => openChannels(names, { env, log, threads: noThreads }),
    pageUrl: pageUrls(env),
    clean: cleaner(env),
    log,
  };
}

/** All messages of a run belong to one conversation: one issue, one thread of mails. */
const conversation: Conversation = { key: "monitor", topic: "monitor", attempt: 1 };

/** Tells each message to its channels, at most ten seconds each. */
export async function tellMessages(messages: readonly Message[], telling: Telling): Promise<Confirmation[]> {
  const confirmations: Confirmation[] = [];
  for (const message of messages) {
    const { channels, reach } = audience(message, telling.policy);
    const alert = monitorAlert(message, telling.pageUrl);
    confirmations.push({ message, ...(await tellAlert(alert, conversation, { channels, reach }, telling)) });
  }
  return confirmations;
}

interface Audience {
  readonly channels: readonly ChannelName[];
  readonly reach: "first" | "all";
}

/** What is well again is told where it was told that it was not. */
function audience({ level, to }: Message, { critical, failure }: NotifyPolicy): Audience {
  if (to !== undefined) return { channels: to, reach: "all" };
  return level === "critical" ? critical : failure;
}

export async function tellAlert(
  alert: Alert,
  about: Conversation,
  { channels: names, reach }: Audience,
  { channels: open, clean, log }: Telling,
): Promise<Reached> {
  const channels = open(names);
  const reached = await deliver(cleanAlert(alert, clean), about, channels, { reach });
  if (channels.length === 0) log.info(`Nobody is told "${alert.title}": no channel is set (.env.example).`);
  if (reached.told.length > 0) log.info(`Told ${reached.told.join(", ")}: ${alert.title}`);
  for (const { channel, reason } of reached.untold) log.warn(`${channel} could not be told: ${reason}.`);
  return reached;
}

import { readChannels } from "../../config/channels.ts";
import type { Environment } from "../../config/environment.ts";
import type { ChannelName, NotifyPolicy } from "../../config/policy/policy.ts";
import { Problems } from "../../config/problems.ts";
import { failureOf } from "../../notify/channel.ts";
import { tryServer } from "../../notify/email.ts";
import { tryToken } from "../../notify/slack.ts";
import type { Reached } from "../../policy/monitor/channels.ts";

export interface TriedChannels extends Reached {
  /** Those that the policy names and the environment sets. */
  readonly set: readonly ChannelName[];
}

const milliseconds = 10_000;

/** Whether the channels would take a message: Slack's token is tried, the mail server logged in to. Nothing is sent. */
export async function tryChannels(env: Environment, notify: NotifyPolicy): Promise<TriedChannels> {
  const settings = readChannels(env, new Problems());
  const named = new Set([notify.failure, notify.critical, notify.summary].flatMap(({ channels }) => channels));
  const set = [...named].filter((channel) => settings[channel] !== undefined);
  const { slack, email } = settings;
  const trials = new Map<ChannelName, (signal: AbortSignal) => Promise<void>>();
  // A webhook and an issue only a message could try.
  if (slack?.kind === "token") trials.set("slack", (signal) => tryToken(slack, signal));
  if (email !== undefined) trials.set("email", (signal) => tryServer(email, signal));
  const told: ChannelName[] = [];
  const untold: { channel: ChannelName; reason: string }[] = [];
  const tried = set.map(async (channel) => {
    try {
      await trials.get(channel)?.(AbortSignal.timeout(milliseconds));
      if (trials.has(channel)) told.push(channel);
    } catch (error) {
      untold.push({ channel, reason: failureOf(error).reason });
    }
  });
  await Promise.all(tried);
  return { set, told, untold };
}

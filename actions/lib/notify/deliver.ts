import { setTimeout as sleep } from "node:timers/promises";
import type { ChannelName } from "../config/policy/policy.ts";
import type { Alert } from "./alert.ts";
import { type Channel, type ChannelFailure, type Conversation, failureOf } from "./channel.ts";

interface DeliverOptions {
  /** `first`: until one has taken it. `all`: every one. */
  readonly reach: "first" | "all";
  /** Milliseconds for one channel, and for all of them. */
  readonly each: number;
  readonly total: number;
}

interface Delivery {
  readonly told: readonly ChannelName[];
  readonly untold: readonly { readonly channel: ChannelName; readonly reason: string }[];
}

/**
 * Tells the channels in their order. One that fails is named to the next one, and in the result; nothing is thrown, and it
 * never takes longer than `total`.
 */
export async function deliver(
  alert: Alert,
  conversation: Conversation,
  channels: readonly Channel[],
  options: DeliverOptions,
): Promise<Delivery> {
  const end = Date.now() + options.total;
  const told: ChannelName[] = [];
  const untold: { channel: ChannelName; reason: string }[] = [];
  for (const channel of channels) {
    const time = Math.min(options.each, end - Date.now());
    if (time <= 0) {
      untold.push({ channel: channel.name, reason: "no_time_left" });
      continue;
    }
    const failed = untold.map(({ channel, reason }) => `${channel} could not be told: ${reason}.`);
    const outcome = await tell(channel, { ...alert, lines: [...alert.lines, ...failed] }, conversation, time);
    if (outcome === true) told.push(channel.name);
    else if (outcome !== false) untold.push({ channel: channel.name, reason: outcome.reason });
    if (outcome === true && options.reach === "first") break;
  }
  return { told, untold };
}

async function tell(
  channel: Channel,
  alert: Alert,
  conversation: Conversation,
  time: number,
): Promise<boolean | ChannelFailure> {
  const end = Date.now() + time;
  for (let attempt = 1; ; attempt++) {
    try {
      return await within(Math.max(1, end - Date.now()), (signal) => channel.tell(alert, conversation, signal));
    } catch (error) {
      const failure = failureOf(error);
      const wait = failure.retryAfter === undefined ? undefined : Math.max(250, failure.retryAfter * 1000);
      // A second try where it may help and there is time for it; never a third.
      if (attempt > 1 || wait === undefined || Number.isNaN(wait) || Date.now() + wait >= end) return failure;
      await sleep(wait);
    }
  }
}

/** Ends in time even if a library does not listen to the signal. */
async function within<T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(milliseconds);
  const late = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => late.reject(signal.reason), { once: true });
  late.promise.catch(() => {});
  return await Promise.race([work(signal), late.promise]);
}

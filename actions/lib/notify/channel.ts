import { setTimeout as sleep } from "node:timers/promises";
import { boundedFetch } from "../base/bounded-answer.ts";
import type { ChannelName } from "../config/policy/policy.ts";
import type { Secret } from "../config/problems.ts";
import type { RunIdentity } from "../report/run/run-report.ts";
import type { Alert } from "./alert.ts";

/** What belongs together: a run and all its attempts. */
export interface Conversation {
  /** E.g. the number of the run. */
  readonly key: string;
  /** What it is about whatever the run, e.g. `backup, weekly, backup`: an alert that goes on. */
  readonly topic: string;
  readonly attempt: number;
  /** Whether only a conversation that has begun already is continued, e.g. to say that it is well again. */
  readonly onlyContinue?: boolean;
}

/** The conversation of a run, or of one of its steps (`backup.weekly`) where a job does several works. */
export function conversationOf(
  { workflow, runId, attempt }: Pick<RunIdentity, "workflow" | "runId" | "attempt">,
  job: string | undefined,
  operation: string | undefined,
): Conversation {
  const step = job?.split(".")[1];
  const joined = (parts: readonly (string | undefined)[], by: string): string =>
    parts.filter((each) => each !== undefined).join(by);
  return {
    key: joined([workflow, runId, step], "-"),
    topic: joined([workflow, step, operation], ", "),
    attempt,
  };
}

/** One way to people. */
export interface Channel {
  readonly name: ChannelName;
  /**
   * Tells it, within the signal's time.
   * @returns false when there was nothing to continue
   * @throws ChannelFailure
   */
  tell(alert: Alert, conversation: Conversation, signal: AbortSignal): Promise<boolean>;
}

/** Why a channel was not reached: a word of its own (`token_revoked`, `timeout`), never what was sent. */
export class ChannelFailure extends Error {
  override readonly name = "ChannelFailure";
  readonly reason: string;
  /** Seconds after which it may be tried again; undefined when that would not help. */
  readonly retryAfter: number | undefined;

  constructor(reason: string, retryAfter?: number) {
    super(reason);
    this.reason = /^[\w.-]{1,60}$/.test(reason) ? reason : "refused";
    this.retryAfter = retryAfter;
  }
}

/** What was thrown by a client library, as a reason that can be printed. */
export function failureOf(error: unknown): ChannelFailure {
  if (error instanceof ChannelFailure) return error;
  if (!(error instanceof Error)) return new ChannelFailure("failed");
  if (error.name === "TimeoutError" || error.name === "AbortError") return new ChannelFailure("timeout");
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "failed";
  return new ChannelFailure(code);
}

export type Beat = "start" | "success" | "fail";

/**
 * Tells a watcher outside of GitHub, healthchecks-style: `<url>/start`, `<url>`, `<url>/fail`. When GitHub is silent, nobody
 * tells it, and it raises the alarm.
 * @returns why it could not be told, or undefined
 */
export async function beat(url: Secret, what: Beat, milliseconds: number): Promise<string | undefined> {
  const address = new URL(url.reveal());
  if (what !== "success") address.pathname = `${address.pathname.replace(/\/$/, "")}/${what}`;
  try {
    // GET is what every such service takes.
    const answer = await boundedFetch(address, { signal: AbortSignal.timeout(milliseconds), redirect: "follow" });
    const said = await answer.text();
    if (!answer.ok) return `http_${answer.status}`;
    // healthchecks.io answers 200 "OK (not found)" to the address of a check that it does not have.
    return /\bnot found\b/i.test(said) ? "not_found" : undefined;
  } catch (error) {
    return failureOf(error).reason;
  }
}

interface DeliverOptions {
  /** `first`: until one has taken it. `all`: every one. */
  readonly reach: "first" | "all";
  /** Milliseconds for one channel, and for all of them. Default: 4 s and 10 s. */
  readonly each?: number;
  readonly total?: number;
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
  { reach, each = 4000, total = 10_000 }: DeliverOptions,
): Promise<Delivery> {
  const end = Date.now() + total;
  const told: ChannelName[] = [];
  const untold: { channel: ChannelName; reason: string }[] = [];
  for (const channel of channels) {
    const time = Math.min(each, end - Date.now());
    if (time <= 0) {
      untold.push({ channel: channel.name, reason: "no_time_left" });
      continue;
    }
    const failed = untold.map(({ channel, reason }) => `${channel} could not be told: ${reason}.`);
    const outcome = await tell(channel, { ...alert, lines: [...alert.lines, ...failed] }, conversation, time);
    if (outcome === true) told.push(channel.name);
    else if (outcome !== false) untold.push({ channel: channel.name, reason: outcome.reason });
    if (outcome === true && reach === "first") break;
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

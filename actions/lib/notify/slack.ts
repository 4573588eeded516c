import { z } from "zod";
import { boundedFetch } from "../base/bounded-answer.ts";
import type { SlackSettings } from "../config/channels.ts";
import type { Alert } from "./alert.ts";
import { type Channel, ChannelFailure, type Conversation, failureOf } from "./channel.ts";
import { slackMessage } from "./slack-message.ts";
import type { ThreadStore } from "./thread-store.ts";

/** Answers have some hundred bytes. */
const mostBytes = 1024 * 1024;

/** Slack by bot token (with threads) or by incoming webhook. */
export function slackChannel(settings: SlackSettings, threads: ThreadStore): Channel {
  return {
    name: "slack",
    tell: (alert, conversation, signal) =>
      settings.kind === "token"
        ? post(settings, threads, alert, conversation, signal)
        : hook(settings.url.reveal(), alert, conversation, signal),
  };
}

const lostThread: ReadonlySet<string> = new Set(["thread_not_found", "cannot_reply_to_message"]);
const answerSchema = z.looseObject({ ts: z.string().optional() });
type TokenSettings = Extract<SlackSettings, { kind: "token" }>;

async function post(
  settings: TokenSettings,
  threads: ThreadStore,
  alert: Alert,
  { key, attempt, onlyContinue }: Conversation,
  signal: AbortSignal,
): Promise<boolean> {
  // What went well beside a failure, in another job of the same attempt, does not mend it.
  if (onlyContinue === true && attempt === 1) return false;
  const thread = await threads.find(key, settings.channel);
  if (onlyContinue === true && thread === undefined) return false;
  const { text, blocks } = slackMessage(alert);
  const message = { channel: settings.channel, text, blocks, unfurl_links: false };
  // What failed again is for everybody to see, not only for those who follow the thread.
  const reply = thread === undefined ? {} : { thread_ts: thread, reply_broadcast: alert.level === "failed" };
  let ts: string | undefined;
  try {
    ts = await call(settings, "chat.postMessage", { ...message, ...reply }, signal);
  } catch (error) {
    // The thread's first message was deleted: begin a new one.
    if (thread === undefined || !lostThread.has(failureOf(error).reason)) throw error;
    ts = await call(settings, "chat.postMessage", message, signal);
  }
  if (thread === undefined && ts !== undefined) await threads.keep(key, settings.channel, ts);
  return true;
}

/** Whether the token is accepted; posts nothing. @throws ChannelFailure */
export async function tryToken(settings: TokenSettings, signal: AbortSignal): Promise<void> {
  await call(settings, "auth.test", {}, signal);
}

/** @returns the message's `ts` */
async function call(
  { token, apiUrl }: TokenSettings,
  method: string,
  body: Record<string, unknown>,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Loaded only when somebody is told something: most runs are quiet, and commands start quicker.
  const slack = await import("@slack/web-api");
  const silent = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, setName() {} };
  const client = new slack.WebClient(token.reveal(), {
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
    // By itself it would try again for half an hour, and wait for as long as a 429 asks.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    fetch: (url, init) => boundedFetch(url, { ...init, signal }, mostBytes),
    // Its log quotes what is sent.
    logger: { ...silent, getLevel: () => slack.LogLevel.ERROR },
  });
  try {
    return answerSchema.parse(await client.apiCall(method, body)).ts;
  } catch (error) {
    if (error instanceof slack.WebAPIPlatformError) throw new ChannelFailure(error.data.error);
    if (error instanceof slack.WebAPIRateLimitedError) throw new ChannelFailure("rate_limited", error.retryAfter);
    if (error instanceof slack.WebAPIHTTPError) throw new ChannelFailure(`http_${error.statusCode}`, 0);
    if (error instanceof slack.WebAPIRequestError) throw failureOf(error.original);
    throw failureOf(error);
  }
}

/** A webhook answers `ok`, or with a status and one word, e.g. 404 `no_service`. It knows no threads. */
async function hook(url: string, alert: Alert, { onlyContinue }: Conversation, signal: AbortSignal): Promise<boolean> {
  if (onlyContinue === true) return false;
  let answer: Response;
  let word: string;
  try {
    const body = JSON.stringify(slackMessage(alert));
    const headers = { "Content-Type": "application/json" };
    answer = await boundedFetch(url, { method: "POST", headers, body, signal, redirect: "error" }, mostBytes);
    word = (await answer.text()).slice(0, 200).trim();
  } catch (error) {
    throw failureOf(error);
  }
  if (answer.ok && word === "ok") return true;
  if (answer.status === 429) throw new ChannelFailure("rate_limited", Number(answer.headers.get("retry-after") ?? 60));
  if (answer.status >= 500) throw new ChannelFailure(`http_${answer.status}`, 0);
  throw new ChannelFailure(/^[a-z_]{1,60}$/.test(word) ? word : `http_${answer.status}`);
}

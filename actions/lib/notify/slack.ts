import { z } from "zod";
import { boundedFetch } from "../base/bounded-answer.ts";
import type { SlackSettings } from "../config/channels.ts";
import type { Vault } from "../vault/s3/client.ts";
import { type Alert, isOver } from "./alert.ts";
import { type Channel, ChannelFailure, type Conversation, failureOf } from "./channel.ts";

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
  // What went well beside a failure, in another job of the same attempt, does not repair it.
  if (onlyContinue === true && attempt === 1) return false;
  const thread = await threads.find(key, settings.channel);
  if (onlyContinue === true && thread === undefined) return false;
  const { text, blocks } = slackMessage(alert);
  const message = { channel: settings.channel, text, blocks, unfurl_links: false };
  // What failed again is for everybody to see, not only for those who follow the thread.
  const reply = thread === undefined ? {} : { thread_ts: thread, reply_broadcast: !isOver(alert) };
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

/** Slack's limits (docs.slack.dev, "Block Kit"): texts in characters as they are sent, the escaped ones counted whole. */
const limits = { header: 150, section: 3000, fields: 10, field: 2000, blocks: 50, text: 4000 };

/** Verbatim: Slack makes no links and mentions of its own from what a name holds. */
type Text =
  | { readonly type: "plain_text"; readonly text: string }
  | { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true };
export type Block =
  | { readonly type: "header"; readonly text: Text }
  | { readonly type: "section"; readonly text?: Text; readonly fields?: readonly Text[] }
  | { readonly type: "context"; readonly elements: readonly Text[] };

interface SlackMessage {
  /** For notifications, and for readers without blocks. */
  readonly text: string;
  readonly blocks: readonly Block[];
}

const marks: Readonly<Record<Alert["level"], string>> = {
  failed: ":red_circle:",
  critical: ":red_circle:",
  warning: ":large_yellow_circle:",
  better: ":large_green_circle:",
  news: ":large_orange_circle:",
  good: ":large_green_circle:",
  summary: ":lifebuoy:",
};

/** An alert as Slack takes it. */
export function slackMessage(alert: Alert): SlackMessage {
  const { level, title, sentence, facts, lines, next, links } = alert;
  const shown = lines.slice(0, 20);
  const left = lines.length - shown.length;
  const blocks: Block[] = [
    // Plain text is not escaped: Slack shows it as it is.
    { type: "header", text: { type: "plain_text", text: cutPlain(title, limits.header) } },
    ...section(`${marks[level]} ${escapeFor(sentence, limits.section - 40)}`),
    ...(facts.length === 0
      ? []
      : [
          {
            type: "section" as const,
            fields: facts
              .slice(0, limits.fields)
              .map(([name, value]) => mrkdwn(`*${escapeFor(name, 200)}*\n${escapeFor(value, limits.field - 300)}`)),
          },
        ]),
    ...shown.flatMap((line) => section(escapeFor(line, limits.section))),
    ...(left > 0 ? section(`and ${left} more`) : []),
    ...(next === undefined ? [] : section(`*Next:* ${escapeFor(next, limits.section - 20)}`)),
    ...(links.length === 0
      ? []
      : [
          {
            type: "context" as const,
            elements: links
              .slice(0, 10)
              .map(({ text, url }) => mrkdwn(`<${escapeUrl(url)}|${escapeFor(text.replaceAll("|", "/"), 200)}>`)),
          },
        ]),
  ];
  const text = [title, sentence, ...(next === undefined ? [] : [`Next: ${next}`])].join("\n");
  return { text: escapeFor(text, limits.text), blocks: blocks.slice(0, limits.blocks) };
}

function section(text: string): Block[] {
  return text.trim() === "" ? [] : [{ type: "section", text: mrkdwn(text) }];
}

function mrkdwn(text: string): Text {
  return { type: "mrkdwn", text, verbatim: true };
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Escapes what Slack reads as markup, and cuts so that no entity is cut through. @param most characters of the result */
export function escapeFor(text: string, most: number): string {
  let escaped = "";
  for (const character of text) {
    const next = entities[character] ?? character;
    if (escaped.length + next.length > most - 1) return `${escaped}…`;
    escaped += next;
  }
  return escaped;
}

function cutPlain(text: string, most: number): string {
  const characters = [...text.replaceAll(/\s+/g, " ")];
  let cut = "";
  for (const character of characters) {
    if (cut.length + character.length > most - 1) return `${cut}…`;
    cut += character;
  }
  return cut;
}

/** A bar or an angle bracket would end the link early. */
function escapeUrl(url: string): string {
  return url.replaceAll("&", "&amp;").replaceAll("<", "%3C").replaceAll(">", "%3E").replaceAll("|", "%7C");
}

/** Which of a channel's messages belong together. */
export interface ThreadStore {
  find(key: string, channel: string): Promise<string | undefined>;
  keep(key: string, channel: string, thread: string): Promise<void>;
}

/** For runs without a vault: every message stands by itself. */
export const noThreads: ThreadStore = { find: async () => undefined, keep: async () => {} };

const threadSchema = z.strictObject({
  format: z.literal("lifeboat-thread/1"),
  channel: z.string(),
  thread: z.string(),
});

/**
 * Threads in the vault, which every job and every later attempt of a run can read: `notify/threads/<run>.json`. Slack's own
 * search would need more rights, and GitHub keeps nothing between attempts. A vault that can't be asked costs the thread, never the message.
 */
export function vaultThreads(vault: Pick<Vault, "get" | "put">): ThreadStore {
  const keyOf = (key: string): string => `notify/threads/${key.replaceAll(/[^\w.-]/g, "-")}.json`;
  return {
    async find(key, channel) {
      try {
        const { body } = await vault.get(keyOf(key), { maxBytes: 4096 });
        const kept = threadSchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
        return kept.channel === channel ? kept.thread : undefined;
      } catch {
        return undefined;
      }
    },
    async keep(key, channel, thread) {
      const body = Buffer.from(`${JSON.stringify({ format: "lifeboat-thread/1", channel, thread })}\n`);
      // Another job of the run may have been first, or the channel has changed: then this one stands by itself.
      await vault.put(keyOf(key), body, { ifNoneMatch: true, contentType: "application/json" }).catch(() => {});
    },
  };
}

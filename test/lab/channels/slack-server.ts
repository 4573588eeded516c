import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type JudgedMessage, judgeMessage } from "./slack-rules.ts";

export interface ReceivedMessage extends JudgedMessage {
  readonly ts: string;
  readonly threadTs: string | undefined;
  readonly broadcast: boolean;
  readonly by: "token" | "webhook";
}

/** What it does next instead of its work: an error's word, `http_500`, `rate_limited:<seconds>`, or `hang`. */
export type Trouble = string;

export interface SlackServer {
  readonly apiUrl: string;
  readonly webhookUrl: string;
  readonly token: string;
  readonly channel: string;
  readonly messages: ReceivedMessage[];
  /** Every request's method or path, those that failed too. */
  readonly requests: string[];
  readonly troubles: Trouble[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Slack as far as Lifeboat uses it: `auth.test`, `chat.postMessage` and an incoming webhook, judging messages as Slack does. */
export async function startSlack(): Promise<SlackServer> {
  const [token, channel] = ["xoxb-lab-1234567890", "C0123456789"];
  const messages: ReceivedMessage[] = [];
  const requests: string[] = [];
  const troubles: Trouble[] = [];
  let next = 1;

  function keep(message: JudgedMessage, rest: Omit<ReceivedMessage, keyof JudgedMessage | "ts">): string {
    const ts = `1764000000.${String(next++).padStart(6, "0")}`;
    messages.push({ ...message, ...rest, ts });
    return ts;
  }

  function api(method: string, fields: URLSearchParams, given: string | undefined): Record<string, unknown> {
    if (given !== `Bearer ${token}`) return { ok: false, error: given === undefined ? "not_authed" : "invalid_auth" };
    if (method === "auth.test") return { ok: true, team: "lab", user: "lifeboat" };
    if (method !== "chat.postMessage") return { ok: false, error: "unknown_method" };
    if (fields.get("channel") !== channel) return { ok: false, error: "channel_not_found" };
    const message = { text: fields.get("text") ?? "", blocks: JSON.parse(fields.get("blocks") ?? "[]") };
    const error = judgeMessage(message);
    if (error !== undefined) return { ok: false, error };
    const threadTs = fields.get("thread_ts") ?? undefined;
    if (threadTs !== undefined && !messages.some(({ ts }) => ts === threadTs)) {
      return { ok: false, error: "cannot_reply_to_message" };
    }
    const broadcast = fields.get("reply_broadcast") === "true";
    return { ok: true, channel, ts: keep(message, { threadTs, broadcast, by: "token" }) };
  }

  function hook(body: string): [number, string] {
    const message = JSON.parse(body);
    const error = judgeMessage(message);
    if (error !== undefined) return [400, error];
    keep(message, { threadTs: undefined, broadcast: false, by: "webhook" });
    return [200, "ok"];
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    const path = request.url ?? "";
    const webhook = path.startsWith("/services/");
    requests.push(path.replace(/^\/api\//, ""));
    const trouble = troubles.shift();
    if (trouble === "hang") return;
    const [kind = "", seconds] = trouble?.split(":") ?? [];
    if (kind === "rate_limited") {
      response.writeHead(429, { "Retry-After": seconds ?? "30" }).end(webhook ? "rate_limited" : '{"ok":false}');
    } else if (kind.startsWith("http_")) {
      response.writeHead(Number(kind.slice(5))).end("trouble");
    } else if (webhook) {
      const [status, word] = kind === "" ? hook(body) : ([kind === "no_service" ? 404 : 403, kind] as const);
      response.writeHead(status, { "Content-Type": "text/html" }).end(word);
    } else {
      const told =
        kind === ""
          ? api(path.replace(/^\/api\//, ""), new URLSearchParams(body), request.headers.authorization)
          : { ok: false, error: kind };
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(told));
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  return {
    ...{ apiUrl: `${origin}/api/`, webhookUrl: `${origin}/services/T0/B0/abcdefgh`, token, channel },
    ...{ messages, requests, troubles },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

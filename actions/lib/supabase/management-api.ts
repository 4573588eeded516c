import type { z } from "zod";
import { boundedFetch, mostAnswerBytes } from "../base/bounded-answer.ts";
import { errorCode, LifeboatError, OperationError } from "../base/errors.ts";
import { type Clock, realClock } from "../base/flow/clock.ts";
import { type Patience, withRetries } from "../base/flow/retry.ts";
import type { Secret } from "../config/problems.ts";
import { refusalOf, secretsIn } from "./api-refusal.ts";

/** Where Supabase's Management API is: it takes 120 requests a minute and user, then answers 429 (supabase.com/docs/reference/api). */
interface ManagementApiSettings {
  readonly url: string;
  readonly token: Secret;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two requests, so that a poll does not use up what others need; default 500. */
  readonly spacing?: number;
  readonly patience?: Patience;
  /** Seconds after which a request has no answer; default 30. */
  readonly requestSeconds?: number;
  /** Sends one request; default: over the network. A simulation answers by itself. */
  readonly transport?: Transport;
  /** By which pauses are measured; default: the real one. */
  readonly clock?: Clock;
}

/** Path of a project, and of what is below it: `/config/auth`. */
export const projectPath = (ref: string, below = ""): string => `/v1/projects/${encodeURIComponent(ref)}${below}`;

export type Transport = (url: string | URL, init: RequestInit) => Promise<Response>;

type WriteMethod = "POST" | "PUT" | "PATCH" | "DELETE";

/** A document to be sent as JSON, or a form (functions' sources) or bytes with their type (a bundle), sent as they are. */
export type ApiBody = FormData | Blob | object;

/** Every method throws what `openManagementApi` says. Paths begin with `/v1/`. */
export interface ManagementApi {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** Bytes as they come, at most 64 MiB: a function's body. `type`: of the answer, with its boundary where it is a form. */
  bytes(path: string, accept?: string): Promise<{ readonly body: Uint8Array; readonly type: string }>;
  /** What it answers is of no interest. */
  send(method: WriteMethod, path: string, body?: ApiBody): Promise<void>;
  /** A write whose answer tells something. */
  ask<T>(method: WriteMethod, path: string, schema: z.ZodType<T>, body?: ApiBody): Promise<T>;
}

const patient: Patience = { attempts: 6, baseMillis: 1000, capMillis: 60_000 };
/** Larger than any document of the API, the 240 settings of auth with their templates included. */
const mostDocumentBytes = 8 * 1024 * 1024;
/** Deeper than any of them; code that walks through an answer must not run out of stack. */
const deepest = 40;

/**
 * A narrow client: asks one thing at a time, waits where it is told to, tries again what may pass, and believes nothing
 * that does not have the form it expects.
 *
 * What is asked again: everything but a POST of which it cannot be told whether it was done. A second one might make a second project,
 * so that is the caller's to find out (`api-unsure`).
 *
 * @throws ApiRefusal (a ConfigurationError) `api-token`, `api-plan`, `api-denied`, `api-missing`, `api-refused`;
 *   OperationError `api-unavailable`, `api-answer`, `api-unsure`
 */
export function openManagementApi(settings: ManagementApiSettings): ManagementApi {
  const { signal, spacing = 500, patience = patient, clock = realClock } = settings;
  let nextAt = 0;
  const ask = <T>(question: Question, read: (response: Response) => Promise<T>): Promise<T> =>
    withRetries(
      { ...patience, clock },
      async () => {
        const now = clock.now();
        const wait = Math.max(0, nextAt - now);
        nextAt = now + wait + spacing;
        if (wait > 0) await clock.sleep(wait, signal);
        return once(settings, question, read);
      },
      (error) =>
        error instanceof NoAnswer &&
        (question.method !== "POST" || !error.maybeDone) &&
        (error.after === undefined || Math.min(error.after, patience.capMillis)),
      ({ error }) => (error instanceof NoAnswer ? givenUp(question, error) : error),
      signal,
    );
  const document = async <T>(question: Question, schema: z.ZodType<T>): Promise<T> => {
    const parsed = schema.safeParse(await ask(question, readDocument));
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join(".") || "its top";
    throw wrongForm(question, `in an unknown form, first at ${where.slice(0, 100)}`);
  };
  return {
    get: (path, schema) => document({ method: "GET", path }, schema),
    ask: (method, path, schema, body) => document({ method, path, body }, schema),
    send: (method, path, body) => ask({ method, path, body }, async (response) => void (await readText(response))),
    bytes: (path, accept) =>
      ask({ method: "GET", path, accept, maxBytes: mostAnswerBytes }, async (response) => ({
        body: new Uint8Array(await response.arrayBuffer()),
        type: response.headers.get("content-type") ?? "",
      })),
  };
}

interface Question {
  readonly method: WriteMethod | "GET";
  readonly path: string;
  readonly body?: ApiBody | undefined;
  readonly accept?: string | undefined;
  readonly maxBytes?: number;
}

/** Another request may have one. */
class NoAnswer extends Error {
  /** Milliseconds to wait, where the API says so. */
  readonly after: number | undefined;
  /** Whether what was asked for may have been done all the same. */
  readonly maybeDone: boolean;

  constructor(why: string, { after, maybeDone }: { after?: number | undefined; maybeDone: boolean }) {
    super(why);
    this.after = after;
    this.maybeDone = maybeDone;
  }
}

/** Codes of a connection that never was: nothing has been asked. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

async function once<T>(
  { url, token, signal, transport, requestSeconds = 30 }: ManagementApiSettings,
  { method, path, body, accept, maxBytes = mostDocumentBytes }: Question,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(requestSeconds * 1000);
  const plain = body instanceof FormData || body instanceof Blob;
  try {
    const init: RequestInit = {
      method,
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        ...(accept === undefined ? {} : { accept }),
        ...(body === undefined || plain ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : plain ? body : JSON.stringify(body),
      redirect: "error",
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    };
    const response = await boundedFetch(url + path, init, maxBytes, transport);
    const { status } = response;
    const after = waitTold(response.headers);
    if (status === 408 || status >= 500) throw new NoAnswer(`status ${status}`, { after, maybeDone: true });
    // Cloudflare stands before the API and answers pages when it is asked too hard, with any status: nothing of it came from the API.
    if (/^text\/html\b/i.test(response.headers.get("content-type") ?? ""))
      throw new NoAnswer(`a page instead of an answer, status ${status}`, { after, maybeDone: false });
    if (response.ok) return await read(response);
    const secrets = [token.reveal(), ...(plain ? [] : secretsIn(body))];
    const text = await response.text();
    const refusal = refusalOf({ method, path: path.split("?", 1)[0] ?? path, status, text, secrets });
    // Some things may be done once in hours (a disk's size), and are refused with the status of too many requests.
    const throttled =
      after !== undefined || refusal.said === "" || /throttl|too many requests|rate limit/i.test(refusal.said);
    if (status === 429 && throttled) throw new NoAnswer(`status ${status}`, { after, maybeDone: false });
    throw refusal;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NoAnswer || (error instanceof LifeboatError && error.code !== "answer-too-large")) throw error;
    if (error instanceof WrongForm) throw wrongForm({ method, path }, error.message);
    if (error instanceof LifeboatError) throw wrongForm({ method, path }, "with more than any answer has");
    if (error instanceof SyntaxError) throw new NoAnswer("an answer that is no JSON", { maybeDone: true });
    const code = errorCode(error instanceof Error ? error.cause : undefined) ?? errorCode(error);
    throw new NoAnswer(limit.aborted ? `nothing within ${requestSeconds} s` : (code ?? "no connection"), {
      maybeDone: code === undefined || !neverSent.has(code),
    });
  }
}

/** @throws NoAnswer for a page that does not say that it is one */
async function readText(response: Response): Promise<string> {
  const text = await response.text();
  if (/^\s*<(?:!doctype|html)/i.test(text))
    throw new NoAnswer(`a page instead of an answer, status ${response.status}`, { maybeDone: false });
  return text;
}

async function readDocument(response: Response): Promise<unknown> {
  const text = await readText(response);
  if (text === "") return undefined;
  if (depthOf(text) > deepest) throw new WrongForm(`with more than ${deepest} levels`);
  return JSON.parse(text);
}

/** Brackets open at once, those in texts left out. */
function depthOf(json: string): number {
  let depth = 0;
  let most = 0;
  let quoted = false;
  for (let at = 0; at < json.length; at++) {
    const one = json[at];
    if (quoted && one === "\\") at++;
    else if (one === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (one === "[" || one === "{") most = Math.max(most, ++depth);
    else if (one === "]" || one === "}") depth--;
  }
  return most;
}

class WrongForm extends Error {}

function wrongForm({ method, path }: Pick<Question, "method" | "path">, how: string): OperationError {
  return new OperationError(
    "api-answer",
    `Supabase's Management API answered ${method} ${path} ${how}.`,
    "Use a newer version of Lifeboat, or unset SUPABASE_ACCESS_TOKEN to go without the API.",
  );
}

function givenUp({ method, path }: Question, { message, maybeDone }: NoAnswer): OperationError {
  if (method !== "POST" || !maybeDone)
    return new OperationError(
      "api-unavailable",
      `Supabase's Management API gave no answer to ${method} ${path}: ${message}.`,
      "Run again later; status.supabase.com tells whether it is down.",
    );
  return new OperationError(
    "api-unsure",
    `Supabase's Management API gave no answer to ${method} ${path}: ${message}. It may have been done all the same.`,
    "Look in the dashboard whether it was done before you run again.",
  );
}

/** Milliseconds: `retry-after` is in seconds (60 where it was seen); `x-ratelimit-reset` in seconds, or the moment itself where it is large. */
function waitTold(headers: Headers): number | undefined {
  const [retry, reset] = ["retry-after", "x-ratelimit-reset"].map((name) => Number(headers.get(name) ?? Number.NaN));
  if (retry !== undefined && Number.isFinite(retry) && retry >= 0) return retry * 1000;
  if (reset === undefined || !Number.isFinite(reset) || reset < 0 || headers.get("x-ratelimit-remaining") !== "0")
    return undefined;
  return reset < 1e9 ? reset * 1000 : undefined;
}

import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { boundedFetch } from "../base/bounded-answer.ts";
import { ConfigurationError, errorCode, LifeboatError, OperationError } from "../base/errors.ts";
import type { Secret } from "../config/problems.ts";

/** Where Supabase's Management API is: it takes 120 requests a minute and token, then answers 429 (supabase.com/docs/reference/api). */
export interface ManagementApiSettings {
  readonly url: string;
  readonly token: Secret;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two requests, so that a poll does not use up what others need; default 500. */
  readonly spacing?: number;
  readonly patience?: { readonly attempts: number; readonly pauseMs: number };
}

export interface ManagementApi {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** What it answers is of no interest. */
  send(method: "POST" | "PATCH", path: string, body?: unknown): Promise<void>;
}

const patient = { attempts: 6, pauseMs: 1000 };
const longestPauseMs = 60_000;

/**
 * A narrow client: asks one thing at a time, waits where it is told to, tries again what may pass, and believes nothing
 * that does not have the form it expects.
 *
 * @throws ConfigurationError `api-token`, `api-denied`, `api-missing`; OperationError `api-unavailable`, `api-answer`
 */
export function openManagementApi(settings: ManagementApiSettings): ManagementApi {
  const { url, token, signal, spacing = 500, patience = patient } = settings;
  let nextAt = 0;
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    for (let attempt = 1; ; attempt += 1) {
      await pause(nextAt - Date.now(), signal);
      nextAt = Date.now() + spacing;
      const answer = await once(url + path, method, token, body, signal);
      if (!("again" in answer)) return answer.json;
      if (attempt >= patience.attempts) {
        throw new OperationError(
          "api-unavailable",
          `Supabase's Management API gave no answer to ${method} ${path}: ${answer.again}.`,
          "Run again later; status.supabase.com tells whether it is down.",
        );
      }
      await pause(Math.min(answer.after ?? patience.pauseMs * 2 ** (attempt - 1), longestPauseMs), signal);
    }
  };
  return {
    async get(path, schema) {
      const parsed = schema.safeParse(await ask("GET", path));
      if (parsed.success) return parsed.data;
      throw new OperationError(
        "api-answer",
        `Supabase's Management API answered GET ${path} in an unknown form, first at ${parsed.error.issues[0]?.path.join(".") || "its top"}.`,
        "Use a newer version of Lifeboat, or unset SUPABASE_ACCESS_TOKEN to go without the API.",
      );
    },
    async send(method, path, body) {
      await ask(method, path, body);
    },
  };
}

type Answer = { readonly json: unknown } | { readonly again: string; readonly after: number | undefined };

async function once(
  url: string,
  method: string,
  token: Secret,
  body: unknown,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const limit = AbortSignal.timeout(30_000);
  try {
    const response = await boundedFetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      redirect: "error",
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    const text = await response.text();
    if (response.ok) return { json: text === "" ? undefined : JSON.parse(text) };
    if (response.status === 429 || response.status >= 500) {
      return { again: `status ${response.status}`, after: retryAfter(response.headers) };
    }
    throw refusal(response.status, method, new URL(url).pathname);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof LifeboatError) throw error;
    if (error instanceof SyntaxError) return { again: "an answer that is no JSON", after: undefined };
    const cause = error instanceof Error ? error.cause : undefined;
    return { again: errorCode(cause) ?? errorCode(error) ?? "no connection", after: undefined };
  }
}

function retryAfter(headers: Headers): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

function refusal(status: number, method: string, path: string): ConfigurationError {
  const what = `Supabase's Management API refuses ${method} ${path} (status ${status}).`;
  if (status === 401) {
    return new ConfigurationError(
      "api-token",
      what,
      "Make a new token (dashboard, Account, Access Tokens) and set SUPABASE_ACCESS_TOKEN.",
    );
  }
  if (status === 404) {
    return new ConfigurationError(
      "api-missing",
      what,
      "Check the project's ref: there is none of that name for this token.",
    );
  }
  return new ConfigurationError(
    "api-denied",
    what,
    "Give the token's account the right for it, or unset SUPABASE_ACCESS_TOKEN.",
  );
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
}

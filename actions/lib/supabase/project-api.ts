import { boundedFetch } from "../base/bounded-answer.ts";

/** Larger than any answer that is looked at here. */
const mostBytes = 256 * 1024;
const answerSeconds = 20;

/** What a project's own API has answered. */
export interface ProjectAnswer {
  readonly status: number;
  /** Undefined where it is no JSON, or longer than anything that was asked for. */
  readonly json: unknown;
  /**
   * Of the platform, e.g. `BOOT_ERROR`: the header `sb-error-code`, or the body's `code` or `error_code`
   * (supabase.com/docs/guides/functions/error-codes).
   */
  readonly code: string | undefined;
}

interface Question {
  readonly method?: "GET" | "POST" | "DELETE" | "OPTIONS";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly signal: AbortSignal;
}

/**
 * Asks a project's own API once, for at most 20 s. It follows nothing and takes at most 256 KiB.
 * @returns undefined where nothing answers
 * @throws the signal's reason
 */
export async function askProject(
  url: string,
  { method = "GET", headers, body, signal }: Question,
): Promise<ProjectAnswer | undefined> {
  const init: RequestInit = {
    ...{ method, redirect: "manual", signal: AbortSignal.any([signal, AbortSignal.timeout(answerSeconds * 1000)]) },
    headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
  try {
    const answer = await boundedFetch(url, init, mostBytes);
    const json = jsonOf(await answer.text().catch(() => ""));
    signal.throwIfAborted();
    return { status: answer.status, json, code: codeOf(answer.headers.get("sb-error-code"), json) };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Words of a platform's own alphabet, and nothing that somebody could write into a page. */
function codeOf(header: string | null, json: unknown): string | undefined {
  const { code, error_code: other } = (typeof json === "object" && json !== null ? json : {}) as Record<
    string,
    unknown
  >;
  return [header, other, code].find(
    (one): one is string => typeof one === "string" && /^[A-Za-z][A-Za-z_]{1,60}$/.test(one),
  );
}

import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { boundedFetch } from "../base/bounded-answer.ts";
import { ConfigurationError, errorCode, LifeboatError, OperationError } from "../base/errors.ts";
import { type Patience, withRetries } from "../base/flow/retry.ts";
import type { Log } from "../base/log.ts";
import type { Secret } from "../config/problems.ts";
import { assertRegionAllowed } from "../config/vault-location.ts";

const projectSchema = z.object({
  status: z.string(),
  organization_id: z.string().optional(),
  region: z.string().optional(),
});
const organizationSchema = z.object({ plan: z.string().optional() });
const diskSchema = z.object({
  metrics: z.object({ fs_size_bytes: z.number(), fs_avail_bytes: z.number(), fs_used_bytes: z.number() }),
});

const place = (ref: string): string => `/v1/projects/${encodeURIComponent(ref)}`;

/**
 * Refuses a project in a region that the policy does not allow, before data is sent to it: also one that is yet to be made, by its
 * region's name (`assertRegionAllowed`).
 * @returns its region; undefined where the API does not tell
 * @throws ConfigurationError `region-refused`; what the client throws
 */
export async function assertProjectAllowed(
  api: ManagementApi,
  ref: string,
  regions: readonly string[],
): Promise<string | undefined> {
  const { region } = await api.get(place(ref), projectSchema);
  if (region !== undefined) assertRegionAllowed(region, regions, `Project ${ref}`);
  return region;
}

const healthy = "ACTIVE_HEALTHY";
/** States out of which nothing comes by waiting. */
const lost = new Set(["INIT_FAILED", "PAUSE_FAILED", "REMOVED", "RESTORE_FAILED"]);

interface WakeOptions {
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Between two looks; default 10 seconds. */
  readonly pollSeconds?: number;
  /** Longest wait; default 20 minutes. */
  readonly patienceSeconds?: number;
}

/**
 * Wakes a project that was paused (the free plan pauses what nobody has used for a week) and waits until it is healthy.
 * @returns whether it had to be woken
 * @throws OperationError `project-unhealthy`; what the client throws
 */
export async function wakeProject(api: ManagementApi, ref: string, options: WakeOptions): Promise<boolean> {
  const { log, signal, pollSeconds = 10, patienceSeconds = 1200 } = options;
  const until = Date.now() + patienceSeconds * 1000;
  let woken = false;
  for (;;) {
    const { status } = await api.get(place(ref), projectSchema);
    if (status === healthy) return woken;
    if (status === "INACTIVE" && !woken) {
      log.info(`Project ${ref} is paused: waking it.`);
      await api.send("POST", `${place(ref)}/restore`);
      woken = true;
    }
    if (lost.has(status) || Date.now() >= until) {
      throw new OperationError(
        "project-unhealthy",
        `Project ${ref} is ${status}, and no healthy one has come of it.`,
        "Look at it in the dashboard; a project that was paused for more than 90 days cannot be woken.",
      );
    }
    log.debug(`Project ${ref} is ${status}.`);
    await sleep(pollSeconds * 1000, undefined, signal === undefined ? {} : { signal });
  }
}

/** Room of a project. `freePlan`: the database may not grow beyond what the plan allows, whatever the disk has. */
export interface ProjectRoom {
  readonly availableBytes: number;
  readonly diskBytes: number;
  readonly freePlan: boolean;
}

export async function readRoom(api: ManagementApi, ref: string): Promise<ProjectRoom> {
  const { metrics } = await api.get(`${place(ref)}/config/disk/util`, diskSchema);
  const { organization_id: organization } = await api.get(place(ref), projectSchema);
  const plan =
    organization === undefined
      ? undefined
      : (await api.get(`/v1/organizations/${encodeURIComponent(organization)}`, organizationSchema)).plan;
  return { availableBytes: metrics.fs_avail_bytes, diskBytes: metrics.fs_size_bytes, freePlan: plan === "free" };
}

const authSchema = z.record(z.string(), z.unknown());

/**
 * Switches off what the auth server sends to the outside: its hooks, the mail server of the project's own (Supabase's
 * built-in one writes to the organisation's members only) and text messages; then asks whether it is so.
 *
 * @returns names of the settings that were changed
 * @throws OperationError `outbound-on` when the settings did not stay
 */
export async function quietAuth(api: ManagementApi, ref: string): Promise<string[]> {
  const path = `${place(ref)}/config/auth`;
  const change = loudSettings(await api.get(path, authSchema));
  const names = Object.keys(change).sort();
  if (names.length === 0) return [];
  await api.send("PATCH", path, change);
  const still = Object.keys(loudSettings(await api.get(path, authSchema)));
  if (still.length === 0) return names;
  throw new OperationError(
    "outbound-on",
    `The staging project's auth settings ${still.join(", ")} could not be switched off; no data was loaded.`,
    "Switch them off in the dashboard (Authentication), then run again.",
  );
}

/** Pure: what is on, with the value that switches it off. */
export function loudSettings(auth: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const loud: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(auth)) {
    if (/^hook_\w+_enabled$/.test(name) && value === true) loud[name] = false;
  }
  if (auth["external_phone_enabled"] === true) loud["external_phone_enabled"] = false;
  if (typeof auth["smtp_host"] === "string" && auth["smtp_host"] !== "") loud["smtp_host"] = null;
  return loud;
}

/** Where Supabase's Management API is: it takes 120 requests a minute and token, then answers 429 (supabase.com/docs/reference/api). */
interface ManagementApiSettings {
  readonly url: string;
  readonly token: Secret;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two requests, so that a poll does not use up what others need; default 500. */
  readonly spacing?: number;
  readonly patience?: Patience;
  /** Seconds after which a request has no answer; default 30. */
  readonly requestSeconds?: number;
}

export interface ManagementApi {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** What it answers is of no interest. */
  send(method: "POST" | "PATCH", path: string, body?: unknown): Promise<void>;
}

const patient: Patience = { attempts: 6, baseMillis: 1000, capMillis: 60_000 };

/**
 * A narrow client: asks one thing at a time, waits where it is told to, tries again what may pass, and believes nothing
 * that does not have the form it expects.
 *
 * @throws ConfigurationError `api-token`, `api-denied`, `api-missing`; OperationError `api-unavailable`, `api-answer`
 */
export function openManagementApi(settings: ManagementApiSettings): ManagementApi {
  const { url, token, signal, spacing = 500, patience = patient, requestSeconds = 30 } = settings;
  let nextAt = 0;
  const ask = (method: string, path: string, body?: unknown): Promise<unknown> =>
    withRetries(
      patience,
      async () => {
        await sleep(Math.max(0, nextAt - Date.now()), undefined, signal && { signal });
        nextAt = Date.now() + spacing;
        return once({ url: url + path, method, token, body, seconds: requestSeconds }, signal);
      },
      (error) => error instanceof NoAnswer && (error.after === undefined || Math.min(error.after, patience.capMillis)),
      ({ error }) =>
        error instanceof NoAnswer
          ? new OperationError(
              "api-unavailable",
              `Supabase's Management API gave no answer to ${method} ${path}: ${error.message}.`,
              "Run again later; status.supabase.com tells whether it is down.",
            )
          : error,
      signal,
    );
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

/** Another request may have one. */
class NoAnswer extends Error {
  /** Milliseconds to wait, where the API says so. */
  readonly after: number | undefined;

  constructor(why: string, after?: number) {
    super(why);
    this.after = after;
  }
}

interface Question {
  readonly url: string;
  readonly method: string;
  readonly token: Secret;
  readonly body: unknown;
  readonly seconds: number;
}

async function once(
  { url, method, token, body, seconds }: Question,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const limit = AbortSignal.timeout(seconds * 1000);
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
    if (response.ok) return text === "" ? undefined : JSON.parse(text);
    if (response.status === 429 || response.status >= 500) {
      throw new NoAnswer(`status ${response.status}`, retryAfter(response.headers));
    }
    throw refusal(response.status, method, new URL(url).pathname);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof LifeboatError || error instanceof NoAnswer) throw error;
    if (error instanceof SyntaxError) throw new NoAnswer("an answer that is no JSON");
    const cause = error instanceof Error ? error.cause : undefined;
    throw new NoAnswer(errorCode(cause) ?? errorCode(error) ?? "no connection");
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

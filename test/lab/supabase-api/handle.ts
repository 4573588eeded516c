import type { FaultKind } from "./faults.ts";
import { type ApiAnswer, type ApiRequest, type Call, ok, type Route, refuse } from "./request.ts";
import { backupRoutes } from "./routes/backups.ts";
import { diskRoutes } from "./routes/disk.ts";
import { functionRoutes } from "./routes/functions.ts";
import { healthRoutes } from "./routes/health.ts";
import { keyRoutes } from "./routes/keys.ts";
import { metricRoutes } from "./routes/metrics.ts";
import { organizationRoutes } from "./routes/organizations.ts";
import { projectRoutes } from "./routes/projects.ts";
import { settingRoutes } from "./routes/settings.ts";
import { paced, settle, type Token, type World } from "./world.ts";

/** Everything that the world answers; what is not here is 404, as `clone` is. */
export const routes: readonly Route[] = [
  ...[projectRoutes, organizationRoutes, backupRoutes, healthRoutes, diskRoutes].flat(),
  ...[settingRoutes, functionRoutes, keyRoutes, metricRoutes].flat(),
];

/** An answer as it goes over the wire; `cut`: the connection ends instead, or in the middle of it. */
export interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly cut?: boolean;
}

/** Answers one request as Supabase does, its faults included. Everything whose time has come has happened before. */
export async function handle(world: World, request: ApiRequest): Promise<Sent> {
  const asked = `${request.method} ${request.url}`;
  world.requests.push(asked);
  await world.heard?.(asked);
  await settle(world);
  const fault = world.faults.meetRequest(request, world.clock.now());
  if (fault === "reset") return { status: 0, headers: {}, body: new Uint8Array(), cut: true };
  if (fault === "page") return page(429);
  if (typeof fault === "object") return sent(fault);
  const answer = admit(world, request) ?? (await route(world, request, fault === "no-effect"));
  return spoilt("page" in answer ? page(answer.page) : sent(answer), fault);
}

/** @returns why the request is not even looked at */
function admit(world: World, request: ApiRequest): ApiAnswer | { readonly page: number } | undefined {
  const token = tokenOf(world, request);
  if (token === undefined) return refuse(401, "Unauthorized");
  const now = world.clock.now();
  if (token.expiresAt !== undefined && now >= token.expiresAt) return refuse(401, "JWT has expired");
  const minute = paced(world, 60);
  const times = (world.asked.get(token.user) ?? []).filter((at) => now - at < minute);
  times.push(now);
  world.asked.set(token.user, times);
  // Whoever does not listen meets Cloudflare.
  if (times.length > 3 * world.limit) return { page: 429 };
  if (times.length <= world.limit) return undefined;
  const wait = Math.max(1, Math.ceil((minute - (now - (times[0] ?? now))) / 1000));
  const limits = {
    "x-ratelimit-limit": String(world.limit),
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(wait),
  };
  return {
    ...refuse(429, "ThrottlerException: Too Many Requests"),
    headers: { ...limits, "retry-after": String(wait) },
  };
}

const tokenOf = ({ tokens }: World, { headers }: ApiRequest): Token | undefined =>
  tokens.find(({ value }) => headers["authorization"] === `Bearer ${value}`);

/** Of two routes that fit (`available-regions` and `{ref}`), the one with fewer braces. */
const compiled = routes
  .map((one) => ({ ...one, names: [...one.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name) }))
  .sort((one, other) => one.names.length - other.names.length)
  .map((one) => ({ ...one, form: new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "([^/]+)")}$`) }));

async function route(world: World, request: ApiRequest, noEffect: boolean): Promise<ApiAnswer> {
  const token = tokenOf(world, request);
  const { pathname, searchParams } = new URL(request.url, "http://api");
  const found = compiled.find(({ method, form }) => method === request.method && form.test(pathname));
  if (found === undefined || token === undefined)
    return refuse(404, `Cannot ${request.method} ${pathname.slice(0, 200)}`);
  const { permission, form, names } = found;
  if (permission !== undefined && token.permissions !== undefined && !token.permissions.includes(permission))
    return refuse(403, "Your account does not have the necessary privileges", { missing_permissions: [permission] });
  const values = form.exec(pathname)?.slice(1) ?? [];
  const params = Object.fromEntries(names.map((name, at) => [name, decodeURIComponent(values[at] ?? "")]));
  const call: Call = { world, request, token, params, query: searchParams, body: bodyOf(request) };
  if (!noEffect || request.method === "GET") return found.answer(call);
  // Taken, and kept as it was: what it would answer is what it has.
  const before = compiled.find((one) => one.method === "GET" && one.path === found.path);
  return before === undefined ? ok({}) : before.answer(call);
}

function bodyOf({ body, headers }: ApiRequest): unknown {
  if (body.length === 0 || !/json/.test(headers["content-type"] ?? "")) return undefined;
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

function sent({ status, json, raw, headers = {} }: ApiAnswer): Sent {
  const body = raw ?? (json === undefined ? "" : JSON.stringify(json));
  return {
    status,
    headers: {
      ...(raw === undefined && json !== undefined ? { "content-type": "application/json; charset=utf-8" } : {}),
      ...headers,
    },
    body: typeof body === "string" ? Buffer.from(body) : body,
  };
}

const page = (status: number): Sent => ({
  ...{ status, headers: { "content-type": "text/html; charset=UTF-8" } },
  body: Buffer.from("<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"),
});

function spoilt(answer: Sent, fault: FaultKind | undefined): Sent {
  const json = { "content-type": "application/json" };
  if (fault === "lost") return { ...answer, status: 0, cut: true };
  if (fault === "cut") return { ...answer, body: answer.body.subarray(0, Math.floor(answer.body.length / 2)) };
  if (fault === "huge")
    return { status: 200, headers: json, body: Buffer.from(`{"status":"${"x".repeat(9 * 1024 ** 2)}"}`) };
  if (fault === "deep")
    return { status: 200, headers: json, body: Buffer.from(`${"[".repeat(1e5)}${"]".repeat(1e5)}`) };
  return answer;
}

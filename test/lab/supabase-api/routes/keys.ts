import { createHash, createHmac } from "node:crypto";
import { z } from "zod";
import { hexFrom } from "../../random.ts";
import type { Project, SigningKey } from "../project.ts";
import { empty, ofProject, ok, type ProjectCall, type Route, refuse } from "../request.ts";
import { newId, paced } from "../world.ts";
import { accept } from "./body.ts";

const secret = z.object({
  name: z
    .string()
    .max(256)
    .regex(/^(?!SUPABASE_).+$/),
  value: z.string().max(24_576),
});
const algorithm = z.enum(["EdDSA", "ES256", "RS256", "HS256"]);

/** Secrets of functions, keys of the API, keys that sign tokens, the database's password and short logins. */
export const keyRoutes: readonly Route[] = [
  ofProject("GET", "/secrets", "edge_functions_secrets_read", ({ project }) =>
    ok(
      [...project.secrets].map(([name, { value, updatedAt }]) => ({
        ...{ name, value: createHash("sha256").update(value).digest("hex") },
        updated_at: new Date(updatedAt).toISOString(),
      })),
    ),
  ),
  ofProject("POST", "/secrets", "edge_functions_secrets_write", (call) =>
    accept(call, z.array(secret), (list) => {
      for (const { name, value } of list) call.project.secrets.set(name, { value, updatedAt: call.now });
      return empty(201);
    }),
  ),
  ofProject("DELETE", "/secrets", "edge_functions_secrets_write", (call) =>
    accept(call, z.array(z.string()), (names) => {
      for (const name of names) call.project.secrets.delete(name);
      return empty(200);
    }),
  ),
  ofProject("GET", "/api-keys", "api_gateway_keys_read", ({ project, query }) =>
    ok(apiKeysOf(project, query.get("reveal") === "true")),
  ),
  // Takes no value: whoever used the old keys needs new ones.
  ofProject("POST", "/api-keys", "api_gateway_keys_write", (call) =>
    accept(
      call,
      z.object({ type: z.enum(["publishable", "secret"]), name: z.string().regex(/^[a-z_]\w{2,63}$/) }),
      ({ type, name }) => {
        const value = `sb_${type}_${hexFrom(call.world.random, 31)}`;
        call.project.keys[type] = value;
        return ok({ id: newId(), type, name, prefix: value.slice(0, 16), api_key: value }, 201);
      },
    ),
  ),
  ofProject("GET", "/config/auth/signing-keys", "auth_signing_keys_read", ({ project }) =>
    ok({ keys: project.signingKeys.map(shown) }),
  ),
  ofProject("POST", "/config/auth/signing-keys", "auth_signing_keys_write", (call) =>
    accept(
      call,
      z.object({
        algorithm,
        status: z.enum(["in_use", "standby"]).optional(),
        private_jwk: z.record(z.string(), z.unknown()).optional(),
      }),
      (body) => addKey(call, body.algorithm, body.status ?? "standby", body.private_jwk),
    ),
  ),
  ofProject("GET", "/config/auth/signing-keys/{id}", "auth_signing_keys_read", (call) =>
    oneKey(call, (key) => ok(shown(key))),
  ),
  ofProject("PATCH", "/config/auth/signing-keys/{id}", "auth_signing_keys_write", (call) =>
    oneKey(call, (key) =>
      accept(call, z.object({ status: z.enum(["in_use", "previously_used", "revoked", "standby"]) }), ({ status }) => {
        if (status === "in_use")
          for (const other of call.project.signingKeys) if (other.status === "in_use") other.status = "previously_used";
        Object.assign(key, { status, updatedAt: call.now });
        return ok(shown(key));
      }),
    ),
  ),
  ofProject("PATCH", "/database/password", "database_config_write", (call) =>
    accept(call, z.object({ password: z.string().min(4) }), async ({ password }) => {
      call.project.database.password = password;
      call.project.database.passwords.push({ from: call.now, password });
      return ok({ message: "Successfully updated password" });
    }),
  ),
  ofProject("POST", "/cli/login-role", "database_write", (call) =>
    accept(call, z.object({ read_only: z.boolean() }), ({ read_only }) => {
      const role = read_only ? "cli_login_supabase_read_only_user" : "cli_login_postgres";
      const password = hexFrom(call.world.random, 32);
      call.project.loginRole = { role, password, until: call.now + 300_000 };
      return ok({ role, password, ttl_seconds: 300 }, 201);
    }),
  ),
  ofProject("DELETE", "/cli/login-role", "database_write", ({ project }) => {
    project.loginRole = undefined;
    return ok({ message: "ok" });
  }),
];

const shown = ({ id, algorithm: kind, status, publicJwk, createdAt, updatedAt }: SigningKey) => ({
  ...{ id, algorithm: kind, status, public_jwk: kind === "HS256" ? null : publicJwk },
  ...{ created_at: new Date(createdAt).toISOString(), updated_at: new Date(updatedAt).toISOString() },
});

function oneKey({ project, params }: ProjectCall, answer: (key: SigningKey) => ReturnType<Route["answer"]>) {
  const key = project.signingKeys.find(({ id }) => id === params["id"]);
  return key === undefined ? refuse(404, "Signing key not found") : answer(key);
}

function addKey(
  { world, project, now }: ProjectCall,
  kind: SigningKey["algorithm"],
  status: "in_use" | "standby",
  privateJwk: Record<string, unknown> | undefined,
) {
  const newest = Math.max(
    ...project.signingKeys.filter((key) => key.status === "standby").map(({ createdAt }) => createdAt),
  );
  const free = newest + paced(world, 120);
  if (status === "standby" && now < free) return refuse(400, `Please wait until ${new Date(free).toISOString()}`);
  if (privateJwk !== undefined && privateJwk["alg"] !== undefined && privateJwk["alg"] !== kind)
    return refuse(400, "private_jwk: does not fit the algorithm");
  if (status === "in_use")
    for (const other of project.signingKeys) if (other.status === "in_use") other.status = "previously_used";
  const { d: _d, k: _k, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...rest } = privateJwk ?? { kty: "EC", crv: "P-256" };
  const key: SigningKey = {
    ...{ id: newId(), algorithm: kind, status, publicJwk: rest, privateJwk, createdAt: now, updatedAt: now },
  };
  project.signingKeys.push(key);
  return ok(shown(key), 201);
}

/** What clients of the project use. Without `reveal` the secret ones are told by their beginning only. */
function apiKeysOf(project: Project, reveal: boolean) {
  const tell = (value: string) => (reveal ? value : `${value.slice(0, 14)}${"·".repeat(10)}`);
  const legacy = (name: "anon" | "service_role") => ({
    ...{ id: name, type: "legacy", name, prefix: null, description: null, api_key: tell(legacyKey(project, name)) },
  });
  const { publishable, secret: hidden } = project.keys;
  return [
    ...[legacy("anon"), legacy("service_role")],
    { id: "publishable", type: "publishable", name: "default", prefix: publishable.slice(0, 16), api_key: publishable },
    { id: "secret", type: "secret", name: "default", prefix: hidden.slice(0, 14), api_key: tell(hidden) },
  ];
}

/** The JWT of a role, signed with the project's secret; the same every time. */
export function legacyKey({ ref, createdAt, jwtSecret }: Project, role: "anon" | "service_role"): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const iat = Math.floor(createdAt / 1000);
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: "supabase", ref, role, iat, exp: iat + 315_360_000 })}`;
  return `${text}.${createHmac("sha256", jwtSecret).update(text).digest("base64url")}`;
}

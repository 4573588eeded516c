import { createHmac, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { withClient } from "../connection.ts";
import type { LabBacking } from "./lab-backing.ts";
import type { Project } from "./project.ts";
import { legacyKey } from "./routes/keys.ts";
import type { World } from "./world.ts";

type Answer = [status: number, json: object];

/** Auth of a project: what it tells of itself, logins from its rows, and its admin API. Rows need a database behind the project. */
export async function serveAuth(
  world: World,
  project: Project,
  path: string,
  request: IncomingMessage,
): Promise<Answer> {
  if (path === "health") return [200, { name: "GoTrue", version: "v2.180.0" }];
  const setting = (name: string): unknown => world.frontFaults.auth.get(name) ?? project.auth[name];
  if (path === "settings") return [200, settingsOf(project, setting)];
  if (world.backing === undefined) return [404, { message: "not found" }];
  const { superuserUrl } = (world.backing as LabBacking).lab(project.ref);
  const ask: Ask = (sql, values) =>
    withClient(superuserUrl, async (client) => (await client.query(sql, [...values])).rows[0]);
  const grant = /^token\?grant_type=(password|refresh_token)$/.exec(path)?.[1];
  if (grant !== undefined) return logIn(project, setting, grant, await bodyOf(request), ask);
  if (path === "user") return whoIs(project, request, ask);
  const user = /^admin\/users(?:\/([0-9a-f-]{36}))?$/.exec(path);
  return user === null ? [404, { message: "not found" }] : administer(project, request, user[1], ask);
}

type Ask = (sql: string, values: readonly unknown[]) => Promise<Record<string, string> | undefined>;

/** As `GET /settings` tells it: providers by name, and a few others (supabase/auth internal/api/settings.go). */
function settingsOf({ auth }: Project, setting: (name: string) => unknown): object {
  const external = Object.keys(auth).flatMap((name) => {
    const provider = /^external_(?!.*web3)(\w+)_enabled$/.exec(name)?.[1];
    return provider === undefined ? [] : [[provider, setting(name)]];
  });
  return {
    external: Object.fromEntries(external),
    ...{ disable_signup: setting("disable_signup"), mailer_autoconfirm: setting("mailer_autoconfirm") },
    ...{ phone_autoconfirm: setting("sms_autoconfirm"), sms_provider: setting("sms_provider") ?? "" },
    ...{ saml_enabled: setting("saml_enabled"), passkeys_enabled: setting("passkey_enabled") },
  };
}

/** By password or by refresh token, from the rows of auth: what survives a restore. */
async function logIn(
  project: Project,
  setting: (name: string) => unknown,
  grant: string,
  body: Record<string, string>,
  ask: Ask,
): Promise<Answer> {
  if (grant === "password" && setting("external_email_enabled") !== true)
    return [422, { code: 422, error_code: "email_provider_disabled", msg: "Email logins are disabled" }];
  const found =
    grant === "password"
      ? await ask(
          "select id from auth.users where email = $1 and encrypted_password = extensions.crypt($2, encrypted_password)",
          [body["email"], body["password"]],
        )
      : await ask("select user_id as id from auth.refresh_tokens where token = $1 and not revoked", [
          body["refresh_token"],
        ]);
  if (found === undefined)
    return [400, { code: 400, error_code: "invalid_credentials", msg: "Invalid login credentials" }];
  const { id = "" } = found;
  return [200, { access_token: tokenOf(project, id), token_type: "bearer", user: { id } }];
}

async function whoIs(project: Project, { headers }: IncomingMessage, ask: Ask): Promise<Answer> {
  const [, token = ""] = /^Bearer (.+)$/.exec(headers.authorization ?? "") ?? [];
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString() || "{}");
  if (token !== tokenOf(project, claims.sub)) return [403, { code: 403, error_code: "bad_jwt", msg: "invalid JWT" }];
  const found = await ask("select id from auth.users where id = $1", [claims.sub]);
  return found === undefined ? [403, { code: 403, error_code: "user_not_found" }] : [200, { id: found["id"] }];
}

/** Users made and removed with the project's secret key. Sends nothing. */
async function administer(
  project: Project,
  request: IncomingMessage,
  id: string | undefined,
  ask: Ask,
): Promise<Answer> {
  if (![project.keys.secret, legacyKey(project, "service_role")].includes(String(request.headers["apikey"])))
    return [403, { code: 403, error_code: "not_admin", msg: "User not allowed" }];
  if (id !== undefined && request.method === "DELETE") {
    await ask("delete from auth.users where id = $1", [id]);
    return [200, {}];
  }
  if (id !== undefined || request.method !== "POST") return [405, { message: "not played" }];
  const { email, password } = await bodyOf(request);
  const made = await ask(
    `insert into auth.users (id, email, encrypted_password, email_confirmed_at)
     values ($1, $2, extensions.crypt($3, extensions.gen_salt('bf', 4)), now()) returning id`,
    [randomUUID(), email, password],
  );
  return [200, { id: made?.["id"], email }];
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8") || "{}");
}

/** Signed with the legacy secret. */
function tokenOf({ jwtSecret }: Project, subject: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: subject, role: "authenticated" })}`;
  return `${text}.${createHmac("sha256", jwtSecret).update(text).digest("base64url")}`;
}

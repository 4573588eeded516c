import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { z } from "zod";
import type { Clock } from "../../base/flow/clock.ts";
import { few } from "../../base/measures.ts";
import type { ClientKeys } from "../../supabase/new-project/reach.ts";
import { askProject, type ProjectAnswer } from "../../supabase/project-api.ts";
import { patiently } from "./trial.ts";
import { refusal, type Trial } from "./trial-rules.ts";

export interface LoginTrial {
  /** Of the project's API. */
  readonly url: string;
  readonly keys: ClientKeys;
  /** Of the recovery. It is part of the user's name, so that a later run finds a user that an earlier one left. */
  readonly id: string;
  /** Hooks of Auth that are on: a login would call them. */
  readonly hooks: readonly string[];
  /** A session of the new project's `postgres`. */
  readonly client: Client;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const what = "login";
const notTried = (why: string): Trial => ({ what, outcome: "not tried", why });
const failedBy = (why: string): Trial => ({ what, outcome: "failed", why });

/** Settings by which Auth refuses a login by password before it looks for the user: not a fault of the recovery. */
const otherwise: Readonly<Record<string, string>> = {
  email_provider_disabled: "logins by mail and password are switched off",
  captcha_failed: "a login needs a captcha",
};

/**
 * Tries whether somebody can log in, without sending mail. What fails is tried again for a while, because Auth restarts when its settings
 * change. First it logs in as an unknown user, which writes nothing. Then, if no hook or trigger of the application would run, as a user
 * that it makes with Auth's admin API and removes again. Three rows of `auth.audit_log_entries` and a gap in a sequence stay.
 *
 * @throws the signal's reason; the server's errors
 */
export function tryLogin(trial: LoginTrial): Promise<Trial> {
  return patiently(trial, () => tryOnce(trial));
}

async function tryOnce(trial: LoginTrial): Promise<Trial> {
  const { client, id, hooks } = trial;
  const email = `recovery-${id.toLowerCase()}@lifeboat.invalid`;
  // Long, and of every kind of sign that a policy may ask for.
  const password = `aA1!${randomBytes(24).toString("base64url")}`;
  const unknown = await login(trial, email.replace("recovery", "nobody"), password);
  if (unknown === undefined) return failedBy("Auth does not answer");
  const off = otherwise[unknown.code ?? ""];
  if (off !== undefined) return notTried(off);
  if (unknown.status !== 400 || !/^invalid_(?:credentials|grant)$/.test(unknown.code ?? ""))
    return failedBy(`Auth should refuse the login of an unknown user: ${refusal(unknown)}`);
  const refused = "Auth refuses the login of an unknown user. No other login was tried:";
  if (hooks.length > 0) return notTried(`${refused} it would call hooks (${few(hooks, 4)})`);
  const triggers = await triggersOnAuth(client);
  if (triggers.length > 0)
    return notTried(`${refused} a user made for it would start the application's triggers (${few(triggers, 4)})`);
  await removeUser(trial, email);
  const judged = await byOwnUser(trial, { email, password }).catch(async (error: unknown) => {
    // Interrupted: no later run may come to remove the user.
    await removeUser({ ...trial, signal: AbortSignal.timeout(5000) }, email).catch(() => false);
    throw error;
  });
  return (await removeUser(trial, email))
    ? judged
    : failedBy(
        `user ${email}, made for this, could not be removed: delete it in the dashboard (Authentication, Users)`,
      );
}

const userSchema = z.object({ id: z.string() });
const sessionSchema = z.object({ access_token: z.string() });

async function byOwnUser(trial: LoginTrial, user: { readonly email: string; readonly password: string }) {
  const made = await asAdmin(trial, "POST", "admin/users", { ...user, email_confirm: true });
  const id = userSchema.safeParse(made?.json).data?.id;
  if (id === undefined) return failedBy(`Auth did not make a user: ${told(made)}`);
  const session = await login(trial, user.email, user.password);
  const token = session?.status === 200 ? sessionSchema.safeParse(session.json).data?.access_token : undefined;
  if (token === undefined) return failedBy(`a user made for it cannot log in: ${told(session)}`);
  const headers = { apikey: trial.keys.publishable.reveal(), authorization: `Bearer ${token}` };
  const own = await askProject(`${trial.url}/auth/v1/user`, { headers, signal: trial.signal });
  if (userSchema.safeParse(own?.json).data?.id !== id)
    return failedBy(`Auth does not accept the session that it has just given out: ${told(own)}`);
  const why = "a user made for it logged in by password and was removed; three entries of auth.audit_log_entries stay";
  return { what, outcome: "verified", why } satisfies Trial;
}

const told = (answer: ProjectAnswer | undefined): string =>
  answer === undefined ? "it does not answer" : refusal(answer);

function login({ url, keys, signal }: LoginTrial, email: string, password: string) {
  const headers = { apikey: keys.publishable.reveal() };
  const body = { email, password };
  return askProject(`${url}/auth/v1/token?grant_type=password`, { method: "POST", headers, body, signal });
}

function asAdmin({ url, keys, signal }: LoginTrial, method: "POST" | "DELETE", path: string, body?: object) {
  const secret = keys.secret.reveal();
  // A secret key of the new kind is no token, and stands in for one at the gateway.
  const headers = { apikey: secret, ...(secret.startsWith("sb_") ? {} : { authorization: `Bearer ${secret}` }) };
  return askProject(`${url}/auth/v1/${path}`, { method, headers, signal, ...(body !== undefined && { body }) });
}

/** Of this or an earlier run. @returns whether there is none any more */
async function removeUser(trial: LoginTrial, email: string): Promise<boolean> {
  const find = async (): Promise<string | undefined> => {
    const { rows } = await trial.client.query("select id::text from auth.users where email = $1", [email]);
    return z.array(userSchema).parse(rows)[0]?.id;
  };
  const id = await find();
  if (id === undefined) return true;
  await asAdmin(trial, "DELETE", `admin/users/${id}`);
  return (await find()) === undefined;
}

async function triggersOnAuth(client: Client): Promise<string[]> {
  const { rows } = await client.query(
    `select t.tgname::text as name from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
      where c.relnamespace = to_regnamespace('auth') and not t.tgisinternal and t.tgenabled in ('O', 'A') order by 1`,
  );
  return z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name);
}

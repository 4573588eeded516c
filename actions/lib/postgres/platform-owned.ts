/**
 * What belongs to Supabase in a project and comes with every new one, in the new one's own version: these objects are
 * never created by a restore. Sources: supabase/postgres migrations; the lists of `supabase db dump` (supabase/cli,
 * internal/db/dump); observed.
 */
const managedSchemas = new Set([
  "_analytics",
  "_realtime",
  "_supavisor",
  "auth",
  "cron",
  "extensions",
  "graphql",
  "graphql_public",
  "net",
  "pgbouncer",
  "pgmq",
  "pgsodium",
  "pgsodium_masks",
  "pgtle",
  "realtime",
  "storage",
  "supabase_functions",
  "vault",
]);

const reservedRoles = new Set([
  "anon",
  "authenticated",
  "authenticator",
  "dashboard_user",
  "pgbouncer",
  "pgtle_admin",
  "postgres",
  "service_role",
]);

/**
 * Tables in which the platform, or we, keep books on the project itself: which of its migrations have run, what it will call next,
 * that it was alive at a minute. A new project has its own, so the source's rows stay in the set.
 */
const bookkeeping = new Map([
  ["auth.schema_migrations", "the target's auth server keeps its own list of migrations"],
  ["storage.migrations", "the target's storage server keeps its own list of migrations"],
  ["realtime.schema_migrations", "the target's realtime server keeps its own list of migrations"],
  ["_realtime.schema_migrations", "the target's realtime server keeps its own list of migrations"],
  ["supabase_functions.migrations", "the target keeps its own list of migrations"],
  // By their timelines a later recovery of the copy is judged, and those are another server's (runbooks/sql/sentinels.sql).
  [
    "lifeboat.sentinels",
    "a row a minute, by which the source's server is known to have run: they prove nothing of another one",
  ],
  ["cron.job_run_details", "what the source's cron jobs have done, which grows with each minute"],
  ["net.http_request_queue", "requests that were waiting would be sent a second time"],
  ["net._http_response", "answers to requests that the source sent"],
]);

/** The names of Supabase's own schemas. */
export function managedSchemaNames(): readonly string[] {
  return [...managedSchemas];
}

/** Tables, `schema.name`, whose rows are never restored into a Supabase project. */
export function rowsThatStay(): readonly string[] {
  return [...bookkeeping.keys(), "realtime.messages", "realtime.subscription"];
}

/**
 * What the auth server keeps for minutes: links that were mailed, logins and second factors under way. Brought back, each
 * would open an account in a copy, or once more after an accident (supabase/auth, migrations; `clearing` a token leaves '').
 */
export const oneTimeTables: ReadonlySet<string> = new Set([
  "flow_state",
  "mfa_challenges",
  "oauth_authorizations",
  "oauth_client_states",
  "one_time_tokens",
  "saml_relay_states",
  "webauthn_challenges",
]);

/** The same in auth.users. */
export const oneTimeColumnsOfUsers: ReadonlySet<string> = new Set([
  "confirmation_token",
  "email_change_token_current",
  "email_change_token_new",
  "phone_change_token",
  "reauthentication_token",
  "recovery_token",
]);

/** Whether `schema` is one that Supabase sets up and owns (`public` and supabase_migrations are the user's). */
export function isManagedSchema(schema: string | null): boolean {
  return schema !== null && managedSchemas.has(schema);
}

/** Whether `role` is one of Supabase's own; it exists in every project. */
export function isReservedRole(role: string): boolean {
  return reservedRoles.has(role) || /^(supabase_|cli_login_|pgsodium_key|pg_)/.test(role);
}

/** Why the rows of a table are not restored into a Supabase project, or undefined when they are. */
export function bookkeepingReason(schema: string, name: string): string | undefined {
  if (schema === "realtime" && /^messages(_|$)/.test(name)) return "messages that were in flight at the source";
  if (schema === "realtime" && name === "subscription") return "connections that were open at the source";
  return bookkeeping.get(`${schema}.${name}`);
}

/** Roles that a project's own objects may well belong to, although they come with every project. */
const applicationRoles = new Set(["anon", "authenticated", "postgres", "service_role"]);

/** Whether `role` is one that only the platform acts as: `postgres` may not make it the owner of anything. */
export function isPlatformOwner(role: string | null): boolean {
  return role !== null && isReservedRole(role) && !applicationRoles.has(role);
}

/**
 * Whether an object is Supabase's: it belongs to an extension, lies in one of Supabase's schemas and is not postgres' own,
 * or is in no schema and belongs to one of the platform's roles. What lies in a user's schema is the user's, whoever owns
 * it: the dashboard used to make tables in `public` as supabase_admin. The schema `public` itself is the user's too,
 * and so are the rights on it.
 */
export function isPlatformObject(object: {
  readonly kind: string;
  readonly identity: string;
  readonly schema: string | null;
  readonly owner: string | null;
  readonly extension: string | null;
}): boolean {
  if (object.extension !== null) return true;
  if (object.kind === "schema") return isManagedSchema(object.identity);
  if (object.kind === "default acl" || object.schema === null) return isPlatformOwner(object.owner);
  return isManagedSchema(object.schema) && object.owner !== "postgres";
}

/** Schema of the notes that a restore keeps in the target until it has been proven. */
export const notesSchema = "lifeboat_restore";

/** Schema of the marker by which a database is known to be staging, and of what a restore test needs to remember there. */
export const stagingSchema = "lifeboat_staging";

/** Schema of what holds back requests of pg_net in a copy, and the trigger on pg_net's queue that does it. */
export const quietSchema = "lifeboat_quiet";
export const quietTrigger = quietSchema;

/** Where a planted defect keeps what it took away: a person's row, so it goes with everything else. */
export const plantedRowTable = `${stagingSchema}.planted_row`;

/** Whether a schema is Lifeboat's own: no part of what is restored, and nothing that a target must be empty of. */
function isOwnSchema(schema: string | null): boolean {
  return schema === notesSchema || schema === stagingSchema || schema === quietSchema;
}

/** Whether an object lies in such a schema, or is one. */
export function isOwnObject(object: {
  readonly kind: string;
  readonly identity: string;
  readonly schema: string | null;
}): boolean {
  if (object.kind === "trigger" && object.identity === `${quietTrigger} on net.http_request_queue`) return true;
  return isOwnSchema(object.kind === "schema" ? object.identity : object.schema);
}

import type { Inventory, TableContent } from "../source/inventory/model.ts";

/**
 * What the auth server keeps for minutes: links that were mailed, logins and second factors under way. Brought back, each
 * would open an account in a copy, or once more after an accident (supabase/auth, migrations; `clearing` a token leaves '').
 */
const tables = new Set([
  "flow_state",
  "mfa_challenges",
  "oauth_authorizations",
  "oauth_client_states",
  "one_time_tokens",
  "saml_relay_states",
  "webauthn_challenges",
]);

const columnsOfUsers = new Set([
  "confirmation_token",
  "email_change_token_current",
  "email_change_token_new",
  "phone_change_token",
  "reauthentication_token",
  "recovery_token",
]);

export const oneTimeReason = "one-time tokens and logins that were under way at the source: people ask for new ones";

/** Whether a schema called auth is the auth server's, which keeps its list of migrations there. */
export function hasAuthServer(source: Pick<Inventory, "tables">): boolean {
  return source.tables.some(({ schema, name }) => schema === "auth" && name === "schema_migrations");
}

/** Whether all the rows of a table are good for one time only. */
export function isOneTime({ schema, name }: Pick<TableContent, "schema" | "name">): boolean {
  return schema === "auth" && tables.has(name);
}

/** Places of the columns that are left empty, ascending from 0: one-time tokens of people. */
export function oneTimeColumns({ schema, name, columns }: Pick<TableContent, "schema" | "name" | "columns">): number[] {
  if (schema !== "auth" || name !== "users") return [];
  return columns.flatMap((column, place) => (columnsOfUsers.has(column) ? [place] : []));
}

import type { Inventory, TableContent } from "../../../postgres/inventory/model.ts";
import { oneTimeColumnsOfUsers, oneTimeTables } from "../../../postgres/platform-owned.ts";

export const oneTimeReason = "one-time tokens and logins that were under way at the source: people ask for new ones";

/** Whether a schema called auth is the auth server's, which keeps its list of migrations there. */
export function hasAuthServer(source: Pick<Inventory, "tables">): boolean {
  return source.tables.some(({ schema, name }) => schema === "auth" && name === "schema_migrations");
}

/** Whether all the rows of a table are good for one time only. */
export function isOneTime({ schema, name }: Pick<TableContent, "schema" | "name">): boolean {
  return schema === "auth" && oneTimeTables.has(name);
}

/** Places of the columns that are left empty, ascending from 0: one-time tokens of people. */
export function oneTimeColumns({ schema, name, columns }: Pick<TableContent, "schema" | "name" | "columns">): number[] {
  if (schema !== "auth" || name !== "users") return [];
  return columns.flatMap((column, place) => (oneTimeColumnsOfUsers.has(column) ? [place] : []));
}

import type { Client } from "pg";
import { ConfigurationError } from "../runtime/errors.ts";
import { quoteQualified, tableName } from "../source/identifier.ts";
import type { Inventory, InventoryObject, TableContent } from "../source/inventory/model.ts";
import { isOwnObject } from "../source/own-schemas.ts";
import { bookkeepingReason, isManagedSchema, isPlatformObject } from "../source/platform.ts";
import type { TargetFacts } from "./target.ts";

const countedKinds = new Set([
  "aggregate",
  "foreign table",
  "function",
  "large object",
  "materialized view",
  "procedure",
  "sequence",
  "table",
  "type",
  "view",
]);

/** Objects of the target that a new project or an empty database would not have. Pure. */
export function occupyingObjects(target: Inventory, supabase: boolean): InventoryObject[] {
  return target.objects.filter(
    (object) =>
      countedKinds.has(object.kind) &&
      object.extension === null &&
      !isOwnObject(object) &&
      !(supabase && (isManagedSchema(object.schema) || isPlatformObject(object))),
  );
}

/** Tables of the platform that hold the user's rows and are not empty, as `schema.table`. */
export async function occupiedTables(
  client: Client,
  facts: TargetFacts,
  source: Pick<Inventory, "tables">,
): Promise<string[]> {
  if (!facts.supabase) return [];
  const loaded = new Set(source.tables.filter((table) => table.fingerprint?.rows !== "0").map(tableName));
  for (const name of ["auth.users", "storage.buckets", "storage.objects"]) loaded.add(name);
  const occupied: string[] = [];
  for (const table of facts.inventory.tables) {
    if (!isManagedSchema(table.schema) || !loaded.has(tableName(table))) continue;
    if (bookkeepingReason(table.schema, table.name) !== undefined) continue;
    if (await hasRows(client, table)) occupied.push(tableName(table));
  }
  return occupied;
}

async function hasRows(client: Client, table: TableContent): Promise<boolean> {
  const readable = await client.query("select has_table_privilege($1::oid, 'select') as readable", [table.oid]);
  if (readable.rows[0]?.readable !== true) return false;
  const answer = await client.query(
    `select exists (select from only ${quoteQualified(table.schema, table.name)} ${table.filter ?? ""}) as occupied`,
  );
  return answer.rows[0]?.occupied === true;
}

const shown = 12;

/** What is in a target that is not empty, by name: objects, and the platform's tables that hold rows. */
export async function occupants(
  client: Client,
  facts: TargetFacts,
  source: Pick<Inventory, "tables">,
): Promise<string[]> {
  const objects = occupyingObjects(facts.inventory, facts.supabase);
  const rows = await occupiedTables(client, facts, source);
  return [...objects.map(({ kind, identity }) => `${kind} ${identity}`), ...rows.map((name) => `rows in ${name}`)];
}

/**
 * Refuses a target that is not empty, with the names of what is in it.
 * @throws ConfigurationError `target-not-empty`
 */
export async function refuseOccupied(
  client: Client,
  facts: TargetFacts,
  source: Pick<Inventory, "tables">,
): Promise<void> {
  const all = await occupants(client, facts, source);
  if (all.length === 0) return;
  const rest = all.length > shown ? ` and ${all.length - shown} more` : "";
  throw new ConfigurationError(
    "target-not-empty",
    `The target is not empty: ${all.slice(0, shown).join(", ")}${rest}.`,
    "Restore into a new project or an empty database; nothing has been changed in this one.",
  );
}

import type { Client } from "pg";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { widerPaths } from "../../../postgres/inventory/search-paths.ts";
import type { TargetFacts } from "../../target/target.ts";
import { type Leave, settleDefaultPrivileges, settleGrants, settleOwners } from "./privileges.ts";
import { settleMemberships } from "./roles.ts";
import { commentLargeObjects, validateConstraints } from "./settle-contents.ts";

/**
 * Makes owners, grants and default privileges what they were. The session stays a member of all owners until
 * `settleMembers`.
 * @returns reasons by object key
 */
export async function settleRights(
  client: Client,
  source: Inventory,
  facts: TargetFacts,
): Promise<Map<string, string>> {
  const platform = facts.platform?.against(source);
  const leave: Leave = (object, twin) => platform?.owns(object) || platform?.owns(twin) || false;
  // Rights that a new owner needs before he can be one: CREATE on the database, USAGE on a foreign-data wrapper.
  const needed = source.objects.filter(({ kind }) => kind === "database" || kind === "foreign-data wrapper");
  const before = await readInventory(client);
  await settleGrants(client, { ...source, objects: needed, builtIns: [] }, before, platform);
  const owners = await settleOwners(client, source, before, leave);
  const owned = await readInventory(client);
  let grants = await settleGrants(client, source, owned, platform);
  // Some can only be given when others have been: a grantor needs the schema first.
  for (let refused = -1; grants.size > 0 && grants.size !== refused; ) {
    refused = grants.size;
    grants = await settleGrants(client, source, await readInventory(client), platform);
  }
  const defaults = await settleDefaultPrivileges(client, source, owned);
  return new Map([...owners, ...grants, ...defaults]);
}

/**
 * Makes constraints valid that were, and memberships what they were.
 * @returns reasons by object key, and by `membership <role> to <member>`
 */
export async function settleMembers(
  client: Client,
  source: Inventory,
  facts: TargetFacts,
): Promise<Map<string, string>> {
  const owned = await readInventory(client);
  const valid = await validateConstraints(client, source, owned, widerPaths(source));
  await commentLargeObjects(client, source);
  const memberships = await settleMemberships(client, source, owned, facts.supabase, facts.role);
  return new Map([...valid, ...memberships]);
}

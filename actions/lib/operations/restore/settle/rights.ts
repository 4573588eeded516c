import type { Client } from "pg";
import { differingGrants, filledUp } from "../../../compare/grants.ts";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { widerPaths } from "../../../postgres/inventory/name-lookup.ts";
import { byKey, grantsUnder, isBuiltIn, objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import type { Platform } from "../../../supabase/platform/platform.ts";
import { attempt } from "../../target/sessions.ts";
import type { TargetFacts } from "../../target/target.ts";
import { grantStatements, ownerStatement } from "../plan/statements.ts";
import { commentLargeObjects, validateConstraints } from "./contents.ts";
import { type Failures, settleMemberships } from "./roles.ts";

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

/**
 * Takes every default privilege of the target off, before anything is created. Otherwise the project's own defaults would
 * grant each new function to `anon` again, also those that the source had revoked.
 */
export async function clearDefaultPrivileges(client: Client, target: Inventory): Promise<void> {
  for (const object of target.objects.filter((one) => one.kind === "default acl")) {
    const place = defaultPlace(object);
    if (place === undefined) continue;
    for (const grantee of new Set((object.grants ?? []).map((grant) => grant.grantee))) {
      if (grantee === place.role) continue;
      await attempt(
        client,
        `${place.prefix} REVOKE ALL ON ${place.kind} FROM ${grantee === "" ? "PUBLIC" : quoteIdentifier(grantee)}`,
      );
    }
  }
}

/** Puts the source's default privileges in the place of what the target has. Returns reasons by object key. */
export async function settleDefaultPrivileges(client: Client, source: Inventory, target: Inventory): Promise<Failures> {
  const failures: Failures = new Map();
  const present = byKey(target.objects);
  const wanted = source.objects.filter((one) => one.kind === "default acl");
  const keys = new Set(wanted.map(objectKey));
  const stale = target.objects.filter((one) => one.kind === "default acl" && !keys.has(objectKey(one)));
  for (const object of [...wanted, ...stale.map((one) => ({ ...one, grants: [] }))]) {
    const place = defaultPlace(object);
    if (place === undefined) continue;
    const has = present.get(objectKey(object))?.grants ?? (place.global ? builtIn(object, place) : []);
    const statements = defaultStatements(place, object.grants ?? [], has);
    // A role may have taken from itself what is its own without any entry.
    if (place.global && !object.grants?.some((grant) => grant.grantee === place.role)) {
      statements.unshift(`${place.prefix} REVOKE ALL ON ${place.kind} FROM ${quoteIdentifier(place.role)}`);
    }
    for (const statement of statements) {
      const reason = await attempt(client, statement);
      if (reason !== undefined) failures.set(objectKey(object), reason);
    }
  }
  return failures;
}

interface DefaultPlace {
  readonly prefix: string;
  readonly role: string;
  readonly kind: string;
  readonly global: boolean;
}

/** `for role postgres in schema public on tables` as pg_identify_object writes it, turned into a statement's parts. */
function defaultPlace(object: InventoryObject): DefaultPlace | undefined {
  const parts = /^for role (.+?)(?: in schema (.+))? on (\w+)$/.exec(object.identity);
  const role = object.owner;
  const kind = parts?.[3]?.toUpperCase();
  if (parts === null || role === null || kind === undefined) return undefined;
  const schema = object.schema === null ? "" : ` IN SCHEMA ${quoteIdentifier(object.schema)}`;
  return {
    prefix: `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(role)}${schema}`,
    role,
    kind,
    global: object.schema === null,
  };
}

/** A role's global defaults stand in the place of the built-in ones, which count as present when there is no entry yet. */
function builtIn(object: InventoryObject, place: DefaultPlace): Grant[] {
  const grant = (grantee: string, privilege: string): Grant => ({
    grantee,
    grantor: place.role,
    privilege,
    column: null,
    grantable: false,
  });
  const own = (object.grants ?? []).filter((one) => one.grantee === place.role);
  if (place.kind === "FUNCTIONS") return [...own, grant("", "EXECUTE")];
  if (place.kind === "TYPES") return [...own, grant("", "USAGE")];
  return own;
}

function defaultStatements(place: DefaultPlace, wanted: readonly Grant[], present: readonly Grant[]): string[] {
  const same = (a: Grant, b: Grant) =>
    a.grantee === b.grantee && a.privilege === b.privilege && a.grantable === b.grantable;
  const who = (grant: Grant) => (grant.grantee === "" ? "PUBLIC" : quoteIdentifier(grant.grantee));
  return [
    ...present
      .filter((grant) => !wanted.some((one) => same(one, grant)))
      .map((grant) => `${place.prefix} REVOKE ${grant.privilege} ON ${place.kind} FROM ${who(grant)}`),
    ...wanted
      .filter((grant) => !present.some((one) => same(one, grant)))
      .map(
        (grant) =>
          `${place.prefix} GRANT ${grant.privilege} ON ${place.kind} TO ${who(grant)}${grant.grantable ? " WITH GRANT OPTION" : ""}`,
      ),
  ];
}

/** Whether an object of the set, found in the target as `twin`, is left as the target's platform has it. */
export type Leave = (object: InventoryObject, twin: InventoryObject) => boolean;

/**
 * Settles, one after the other, the objects that the target has too.
 *
 * @param settle undefined when it worked or there was nothing to do, otherwise the reason why it did not work
 */
async function settleEach(
  objects: readonly InventoryObject[],
  target: Inventory,
  settle: (object: InventoryObject, twin: InventoryObject) => Promise<string | undefined>,
): Promise<Failures> {
  const present = byKey([...target.objects, ...filledUp(target.builtIns ?? [], objects.filter(isBuiltIn))]);
  const failures: Failures = new Map();
  for (const object of objects) {
    const twin = present.get(objectKey(object));
    const reason = twin && (await settle(object, twin));
    if (reason !== undefined) failures.set(objectKey(object), reason);
  }
  return failures;
}

/** Gives each object the owner that it had. What `leave` says stays: the platform's own in the target's own version. */
export async function settleOwners(
  client: Client,
  source: Inventory,
  target: Inventory,
  leave: Leave,
): Promise<Failures> {
  return settleEach(source.objects, target, async (object, twin) => {
    if (object.owner === null || twin.owner === object.owner || leave(object, twin)) return undefined;
    const statement = ownerStatement(object, object.owner);
    return statement && giveAway(client, object, statement);
  });
}

/**
 * A new owner needs CREATE on the schema, which the old one may have lost since: it is lent, and the grants that are
 * settled afterwards take it back where it was not there.
 */
async function giveAway(client: Client, object: InventoryObject, statement: string): Promise<string | undefined> {
  const reason = await attempt(client, statement);
  if (reason === undefined || object.schema === null || object.owner === null) return reason;
  const lend = `GRANT CREATE ON SCHEMA ${quoteIdentifier(object.schema)} TO ${quoteIdentifier(object.owner)}`;
  if ((await attempt(client, lend)) !== undefined) return reason;
  return attempt(client, statement);
}

/** Before 17 there was no MAINTAIN, so a set from there does not say that anybody, the owner first of all, has lost it. */
function knownGrants(object: InventoryObject, source: Inventory): Grant[] | null {
  if (object.grants === null || source.serverMajor >= 17) return object.grants;
  return object.grants.filter((grant) => grant.privilege !== "MAINTAIN");
}

/** Makes the grants exactly what they were; on what is the platform's, only what the user has changed at the source. */
export async function settleGrants(
  client: Client,
  source: Inventory,
  target: Inventory,
  platform: Platform | undefined,
): Promise<Failures> {
  // Schemas first: a name is only found by a grantor who may use its schema.
  const schemas = source.objects.filter((object) => object.kind === "schema");
  const others = source.objects.filter(({ kind }) => kind !== "schema" && kind !== "default acl");
  return settleEach([...schemas, ...others, ...(source.builtIns ?? [])], target, async (object, twin) => {
    const { lost, gained } = differingGrants(object, twin, source.serverMajor);
    if (lost.length + gained.length === 0) return undefined;
    const isPlatforms = platform !== undefined && (platform.owns(object) || platform.owns(twin));
    const grants = isPlatforms ? platform.wantedGrants(object, twin) : grantsUnder(object, twin.owner);
    const wanted = { ...object, owner: twin.owner, grants };
    const statements = grantStatements(wanted, { ...twin, grants: knownGrants(twin, source) }, target.database);
    if (statements.length === 0) return undefined;
    if ((await attempt(client, statements.join(";\n"))) === undefined) return undefined;
    let reason: string | undefined;
    for (const statement of statements) reason = (await attempt(client, statement)) ?? reason;
    return reason;
  });
}

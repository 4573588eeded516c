import type { Client } from "pg";
import { differingGrants, filledUp } from "../../../compare/grants.ts";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { widerPaths } from "../../../postgres/inventory/name-lookup.ts";
import { byKey, grantsUnder, isBuiltIn, objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import type { Platform } from "../../../supabase/platform/platform.ts";
import { attemptEach, attemptKeyed, type Keyed } from "../../target/sessions.ts";
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
  const gifts = changesOfGrants({ ...source, objects: needed, builtIns: [] }, before, platform);
  const moves = changesOfOwners(source, before, leave);
  await makeGrants(client, gifts);
  const owners = await giveAway(client, moves);
  // Most have had their owner since they were made.
  const owned = gifts.length + moves.length === 0 ? before : await readInventory(client);
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
  const valid = await validateConstraints(client, source, widerPaths(source));
  await commentLargeObjects(client, source);
  const memberships = await settleMemberships(client, source, facts);
  return new Map([...valid, ...memberships]);
}

/**
 * Takes every default privilege of the target off, before anything is created. Otherwise the project's own defaults would
 * grant each new function to `anon` again, also those that the source had revoked.
 */
export async function clearDefaultPrivileges(client: Client, target: Inventory): Promise<void> {
  const statements = target.objects.flatMap((object) => {
    const place = object.kind === "default acl" ? defaultPlace(object) : undefined;
    if (place === undefined) return [];
    const grantees = new Set((object.grants ?? []).map(({ grantee }) => grantee));
    grantees.delete(place.role);
    return [...grantees].map(
      (one) => `${place.prefix} REVOKE ALL ON ${place.kind} FROM ${one === "" ? "PUBLIC" : quoteIdentifier(one)}`,
    );
  });
  await attemptEach(client, statements, (statement) => statement);
}

/** Puts the source's default privileges in the place of what the target has. Returns reasons by object key. */
export async function settleDefaultPrivileges(client: Client, source: Inventory, target: Inventory): Promise<Failures> {
  const present = byKey(target.objects);
  const wanted = source.objects.filter((one) => one.kind === "default acl");
  const keys = new Set(wanted.map(objectKey));
  const stale = target.objects.filter((one) => one.kind === "default acl" && !keys.has(objectKey(one)));
  const statements = [...wanted, ...stale.map((one) => ({ ...one, grants: [] }))].flatMap((object) => {
    const place = defaultPlace(object);
    if (place === undefined) return [];
    const has = present.get(objectKey(object))?.grants ?? (place.global ? builtIn(object, place) : []);
    // A role may have taken from itself what is its own without any entry.
    const own = place.global && !object.grants?.some((grant) => grant.grantee === place.role);
    return [
      ...(own ? [`${place.prefix} REVOKE ALL ON ${place.kind} FROM ${quoteIdentifier(place.role)}`] : []),
      ...defaultStatements(place, object.grants ?? [], has),
    ].map((statement): Keyed => [objectKey(object), statement]);
  });
  return attemptKeyed(client, statements);
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

/** Objects with what the target has of them, where it has them too. */
function pairs(
  objects: readonly InventoryObject[],
  target: Pick<Inventory, "objects" | "builtIns">,
): [InventoryObject, InventoryObject][] {
  const present = byKey([...target.objects, ...filledUp(target.builtIns ?? [], objects.filter(isBuiltIn))]);
  return objects.flatMap((object) => {
    const twin = present.get(objectKey(object));
    return twin === undefined ? [] : [[object, twin]];
  });
}

/**
 * Gives each object the owner that it had. What `leave` says stays: the platform's own in the target's own version.
 * @returns reasons by object key
 */
export function settleOwners(
  client: Client,
  source: Pick<Inventory, "objects">,
  target: Pick<Inventory, "objects" | "builtIns">,
  leave: Leave,
): Promise<Failures> {
  return giveAway(client, changesOfOwners(source, target, leave));
}

interface ChangeOfOwner extends Pick<InventoryObject, "schema"> {
  readonly key: string;
  readonly owner: string;
  readonly statement: string;
}

function changesOfOwners(
  source: Pick<Inventory, "objects">,
  target: Pick<Inventory, "objects" | "builtIns">,
  leave: Leave,
): ChangeOfOwner[] {
  return pairs(source.objects, target).flatMap(([object, twin]) => {
    const { owner, schema } = object;
    if (owner === null || twin.owner === owner || leave(object, twin)) return [];
    const statement = ownerStatement(object, owner);
    return statement === undefined ? [] : [{ key: objectKey(object), statement, owner, schema }];
  });
}

/**
 * A new owner needs CREATE on the schema, which the old one may have lost since: it is lent, and the grants that are settled
 * afterwards take it back where it was not there.
 */
async function giveAway(client: Client, changes: readonly ChangeOfOwner[]): Promise<Failures> {
  const refused = await attemptEach(client, changes, ({ statement }) => statement);
  const lent = [...refused.keys()].filter(({ schema }) => schema !== null);
  const still = await attemptEach(client, lent, ({ statement, owner, schema }) => {
    const lend = `GRANT CREATE ON SCHEMA ${quoteIdentifier(schema ?? "")} TO ${quoteIdentifier(owner)}`;
    return `${lend}; ${statement}`;
  });
  const left = [...refused].filter(([change]) => change.schema === null || still.has(change));
  return new Map(left.map(([{ key }, reason]) => [key, reason]));
}

/** Before 17 there was no MAINTAIN, so a set from there does not say that anybody, the owner first of all, has lost it. */
function knownGrants(object: InventoryObject, source: Inventory): Grant[] | null {
  if (object.grants === null || source.serverMajor >= 17) return object.grants;
  return object.grants.filter((grant) => grant.privilege !== "MAINTAIN");
}

/**
 * Makes the grants exactly what they were; on what is the platform's, only what the user has changed at the source.
 * @returns reasons by object key
 */
export function settleGrants(
  client: Client,
  source: Inventory,
  target: Inventory,
  platform: Platform | undefined,
): Promise<Failures> {
  return makeGrants(client, changesOfGrants(source, target, platform));
}

interface ChangeOfGrants {
  readonly key: string;
  readonly statements: readonly string[];
}

function changesOfGrants(source: Inventory, target: Inventory, platform: Platform | undefined): ChangeOfGrants[] {
  // Schemas first: a name is only found by a grantor who may use its schema.
  const schemas = source.objects.filter((object) => object.kind === "schema");
  const others = source.objects.filter(({ kind }) => kind !== "schema" && kind !== "default acl");
  return pairs([...schemas, ...others, ...(source.builtIns ?? [])], target).flatMap(([object, twin]) => {
    const { lost, gained } = differingGrants(object, twin, source.serverMajor);
    if (lost.length + gained.length === 0) return [];
    const isPlatforms = platform !== undefined && (platform.owns(object) || platform.owns(twin));
    const grants = isPlatforms ? platform.wantedGrants(object, twin) : grantsUnder(object, twin.owner);
    const shall = { ...object, owner: twin.owner, grants };
    const statements = grantStatements(shall, { ...twin, grants: knownGrants(twin, source) }, target.database);
    return statements.length === 0 ? [] : [{ key: objectKey(object), statements }];
  });
}

/** An object's all together, and one by one where one of them does not work. */
async function makeGrants(client: Client, changes: readonly ChangeOfGrants[]): Promise<Failures> {
  const refused = await attemptEach(client, changes, ({ statements }) => statements.join(";\n"));
  const singly = [...refused.keys()].flatMap(({ key, statements }) => statements.map((one): Keyed => [key, one]));
  return attemptKeyed(client, singly);
}

import { quoteIdentifier } from "../postgres/identifier.ts";
import type { BuiltIn, Grant, Inventory, InventoryObject } from "../postgres/inventory/model.ts";
import { grantsUnder, grantText, isBuiltIn, objectKey } from "../postgres/inventory/object-query.ts";
import { isRelation } from "../postgres/inventory/read.ts";
import type { Judgement } from "./judge-platform.ts";

/** Rights that only one of two objects gives, whoever granted them; MAINTAIN exists from 17 on. */
export function differingGrants(
  object: InventoryObject,
  twin: InventoryObject,
  sourceMajor: number,
): { readonly lost: Grant[]; readonly gained: Grant[] } {
  const rights = (grants: readonly Grant[] | null) =>
    new Map(
      (grants ?? [])
        .filter((grant) => sourceMajor >= 17 || grant.privilege !== "MAINTAIN")
        .map((grant) => [grantText(grant), grant]),
    );
  const wanted = rights(grantsUnder(object, twin.owner));
  const present = rights(twin.grants);
  return {
    lost: [...wanted].filter(([text]) => !present.has(text)).map(([, grant]) => grant),
    gained: [...present].filter(([text]) => !wanted.has(text)).map(([, grant]) => grant),
  };
}

export function grantsDetail(lost: readonly Grant[], gained: readonly Grant[]): string {
  return [
    ...lost.map((grant) => `lost ${grantText(grant)}`),
    ...gained.map((grant) => `gained ${grantText(grant)}`),
  ].join("; ");
}

/** Whether equal rights were given by other roles than in the set, the owner's part apart. */
export function otherGrantors(object: InventoryObject, twin: InventoryObject, sourceMajor: number): boolean {
  const texts = (grants: readonly Grant[] | null) =>
    new Set(
      (grants ?? [])
        .filter((grant) => sourceMajor >= 17 || grant.privilege !== "MAINTAIN")
        .map((grant) => `${grantText(grant)} by ${grant.grantor}`),
    );
  const wanted = texts(grantsUnder(object, twin.owner));
  const present = texts(twin.grants);
  return wanted.size !== present.size || [...wanted].some((text) => !present.has(text));
}

/** Whether default privileges give nobody but their own role more than Postgres gives without them. */
export function addsNothing({ kind, schema, owner, identity, grants }: InventoryObject): boolean {
  if (kind !== "default acl") return false;
  // What PUBLIC has from the start; within a schema, default privileges only add.
  const builtIn =
    schema !== null
      ? ""
      : identity.endsWith(" on functions")
        ? "EXECUTE"
        : identity.endsWith(" on types")
          ? "USAGE"
          : "";
  return (grants ?? []).every(
    ({ grantee, privilege, grantable }) => grantee === owner || (grantee === "" && privilege === builtIn && !grantable),
  );
}

/** What gives or takes these rights on an object, a statement a grantee. */
export function rightsStatements(
  verb: "grant" | "revoke",
  { kind, identity }: InventoryObject,
  grants: readonly Grant[],
): string[] {
  if (kind === "default acl") return [];
  const word = kind === "parameter ACL" ? "parameter " : isRelation(kind) ? "" : `${kind} `;
  const on = `${word}${identity}`;
  const what = ({ privilege, column }: Grant) =>
    `${privilege}${column === null ? "" : ` (${quoteIdentifier(column)})`}`;
  return [...Map.groupBy(grants, (grant) => grant.grantee)].map(([grantee, some]) => {
    const who = grantee === "" ? "public" : quoteIdentifier(grantee);
    return `${verb} ${some.map(what).join(", ")} on ${on} ${verb === "grant" ? "to" : "from"} ${who}`;
  });
}

/** What is one for the whole server: settings and tablespaces. */
const clusterWide = new Set(["parameter ACL", "tablespace"]);

/**
 * All that is compared of two databases: their objects, and what one of the two has changed of PostgreSQL's own, in the
 * other as it was made. A set made before such changes were read says nothing of them. On plain PostgreSQL a right on a
 * setting or a tablespace that belongs to a role which the set does not know is none of this database's. Pure.
 */
export function comparable(
  source: Inventory,
  target: Inventory,
  supabase: boolean,
): { readonly wanted: InventoryObject[]; readonly present: InventoryObject[] } {
  const known = new Set(["", ...source.roles.map(({ name }) => name)]);
  const own = (one: BuiltIn): BuiltIn =>
    supabase || !clusterWide.has(one.kind) || one.grants === null
      ? one
      : { ...one, grants: one.grants.filter(({ grantee }) => grantee === one.owner || known.has(grantee)) };
  const here = (target.builtIns ?? []).map(own);
  return {
    wanted: [...source.objects, ...(source.builtIns === undefined ? [] : filledUp(source.builtIns, here))],
    present: [...target.objects, ...filledUp(here, source.builtIns ?? [])],
  };
}

/** With what only the other side has changed, as it was made. */
export function filledUp(builtIns: readonly BuiltIn[], others: readonly BuiltIn[]): BuiltIn[] {
  const keys = new Set(builtIns.map(objectKey));
  const lacking = others.filter((one) => !keys.has(objectKey(one)));
  const asMade = (one: BuiltIn): BuiltIn => ({
    ...one,
    ...{ definition: "", grants: one.initial, owner: one.initial[0]?.grantor ?? one.owner },
  });
  return [...builtIns, ...lacking.map(asMade)];
}

/** PostgreSQL's own in another form than it was made with, on one side only. */
export function otherBuiltIn(object: InventoryObject, twin: InventoryObject): Judgement | undefined {
  if (!isBuiltIn(object)) return undefined;
  const why =
    twin.definition === ""
      ? "it is PostgreSQL's own and was changed at the source; only a superuser can change it here"
      : "it is PostgreSQL's own, and somebody has changed it here";
  return { verdict: "failed", why };
}

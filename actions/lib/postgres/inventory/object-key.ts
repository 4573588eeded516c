import type { BuiltIn, Grant, InventoryObject } from "./model.ts";

/** What is in quotes is somebody's name, whatever it says. */
const quotedOrBuiltIn = /"(?:[^"]|"")*"|(?<![\w$\u0080-\uffff])pg_catalog\./g;

/**
 * What tells an object from all others of a database: its kind and its identity. Majors differ in whether they write
 * `pg_catalog.json` or `json` in a list of arguments; every other schema is always written.
 */
export function objectKey(object: Pick<InventoryObject, "kind" | "identity">): string {
  return `${object.kind} ${object.identity.replace(quotedOrBuiltIn, (part) => (part.startsWith('"') ? part : ""))}`;
}

/** One grant as text, e.g. `SELECT(email) to anon with grant option`; grantors are compared apart. */
export function grantText(grant: Grant): string {
  const column = grant.column === null ? "" : `(${grant.column})`;
  return `${grant.privilege}${column} to ${grant.grantee || "PUBLIC"}${grant.grantable ? " with grant option" : ""}`;
}

/** Whether an object is PostgreSQL's own. */
export function isBuiltIn(object: InventoryObject): object is BuiltIn {
  return "initial" in object;
}

/** Objects by key. */
export function byKey(objects: readonly InventoryObject[]): Map<string, InventoryObject> {
  return new Map(objects.map((object) => [objectKey(object), object]));
}

/** An object's grants as they are when somebody else owns it: what the owner had and gave, the new one has and gives. */
export function grantsUnder(object: InventoryObject, owner: string | null): Grant[] | null {
  if (object.grants === null || object.owner === null || owner === null) return object.grants;
  const renamed = (role: string) => (role === object.owner ? owner : role);
  return object.grants
    .filter((grant) => grant.grantee !== owner || object.owner === owner)
    .map((grant) => ({ ...grant, grantee: renamed(grant.grantee), grantor: renamed(grant.grantor) }));
}

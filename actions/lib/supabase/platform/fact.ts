import { createHash } from "node:crypto";
import type { Grant, Inventory, InventoryObject, Membership, Role } from "../../postgres/inventory/model.ts";
import { objectKey } from "../../postgres/inventory/object-query.ts";
import { isManagedSchema, isOwnObject } from "../../postgres/platform-owned.ts";

/**
 * One thing that a new project has, reduced to what can be compared: an object of the catalogue, a role, a membership, or
 * the settings of the database.
 */
export interface Fact {
  readonly key: string;
  /** Whose migrations make it: `auth`, `storage` and the like after their schema, else `postgres`. */
  readonly component: string;
  /** Hash of the definition, see `hashOf`. */
  readonly definition: string;
  readonly owner: string | null;
  /** Rights (see `rightOf`), or a role's and the database's settings. */
  readonly rights: readonly string[];
  readonly comment: string;
}

/** Schemas whose objects are made by a server of their own, with migrations and versions of its own. */
const serverSchemas = new Set(["_realtime", "auth", "realtime", "storage", "supabase_functions"]);

export function componentOf(schema: string | null): string {
  return schema !== null && serverSchemas.has(schema) ? schema : "postgres";
}

/** 132 bits of SHA-256: enough that nobody finds another text, e.g. a function's, with the same hash. */
export function hashOf(text: string): string {
  return text === "" ? "" : createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** A grant without its grantor, e.g. `anon SELECT(email)*`; `*` is the grant option. PUBLIC has no name. */
export function rightOf(grant: Grant): string {
  const column = grant.column === null ? "" : `(${grant.column})`;
  return `${grant.grantee} ${grant.privilege}${column}${grant.grantable ? "*" : ""}`;
}

/** The realtime server makes a partition a day; all days count as one. */
export function platformKey(object: Pick<InventoryObject, "kind" | "identity">): string {
  return objectKey(object).replaceAll(/(realtime\.messages_|\bmessages_)\d{4}_\d\d_\d\d/g, "$1day");
}

const twoWords =
  /^((?:access|default|domain|materialized|statistics|table|text search|user) \S+|event trigger|operator (?:class|family)|\S+) (.*)$/s;

/** The kind and the identity in an object's key. */
export function splitKey(key: string): { readonly kind: string; readonly identity: string } {
  const [, kind = "object", identity = key] = twoWords.exec(key) ?? [];
  return { kind, identity };
}

/** Before a setting of ALTER ROLE ALL among those of the database. */
export const forEverybody = "everybody ";

/**
 * Everything of an inventory that a new project may have. What is in a user's schema is none of it, and a member of an
 * extension counts only where its rights are not those that it is born with.
 */
export function factsOf(inventory: Inventory): Fact[] {
  const objects: InventoryObject[] = inventory.objects.filter((object) => !isOwnObject(object) && counts(object));
  const settings: Fact = {
    ...{ key: "database settings", component: "postgres", definition: "", owner: null, comment: "" },
    rights: [
      ...inventory.databaseSettings,
      ...(inventory.everybodysSettings ?? []).map((text) => `${forEverybody}${text}`),
    ],
  };
  return [
    ...[...objects, ...(inventory.builtIns ?? [])].map(factOfObject),
    ...inventory.roles.map(factOfRole),
    ...inventory.memberships.map(factOfMembership),
    settings,
  ];
}

function counts(object: InventoryObject): boolean {
  if (object.extension === null) return true;
  return isManagedSchema(object.schema) && (object.kind === "function" || object.kind === "table");
}

export function factOfObject(object: InventoryObject): Fact {
  return {
    key: platformKey(object),
    component: componentOf(object.schema),
    definition: hashOf(definitionOf(object)),
    owner: object.owner,
    rights: (object.grants ?? []).map(rightOf).sort(),
    comment: hashOf(object.comment ?? ""),
  };
}

/** An extension's version is the server's; its schema is the project's. */
export function definitionOf({ kind, definition }: InventoryObject): string {
  return kind === "extension" ? definition.replace(/^version \S+ /, "") : definition;
}

export const roleKey = (name: string) => `role ${name}`;

export function factOfRole(role: Role): Fact {
  const { name, settings, comment, ...attributes } = role;
  return {
    key: roleKey(name),
    component: "postgres",
    definition: hashOf(JSON.stringify(attributes)),
    owner: null,
    rights: settings.map(({ setting, database }) => (database ? `here ${setting}` : setting)).sort(),
    comment: hashOf(comment ?? ""),
  };
}

function factOfMembership(one: Membership): Fact {
  return {
    key: membershipKey(one),
    component: "postgres",
    definition: "",
    owner: null,
    rights: [],
    comment: "",
  };
}

/** Options are part of it, so that one membership granted twice, with other options each time, is two. */
export function membershipKey(one: Membership): string {
  const options = one.inherit === null ? "" : `, inherit ${one.inherit}, set ${one.set}`;
  return `membership ${one.role} to ${one.member}${one.admin ? " with admin" : ""}${options}`;
}

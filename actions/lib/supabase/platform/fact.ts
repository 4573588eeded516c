import { createHash } from "node:crypto";
import { z } from "zod";
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

/** A state of a new project that was read: the server's major, and the component's own version where it keeps one. */
const snapshotSchema = z.strictObject({
  major: z.number(),
  /** The last migration in the component's own list; null where it keeps none. */
  version: z.string().nullable(),
  /** For people: which release of supabase/postgres it stood on. */
  label: z.string(),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** Hash of the definition, owner, number in `rights`, hash of the comment; then in which snapshots: first, last, first, last … */
const stateSchema = z.tuple([z.string(), z.string().nullable(), z.number(), z.string()]).rest(z.number());

/** What new projects have of one component, over its versions: one file each in `baselines/`. */
export const baselineFileSchema = z.strictObject({
  format: z.literal("lifeboat-platform/1"),
  component: z.string(),
  snapshots: z.array(snapshotSchema),
  rights: z.array(z.array(z.array(z.string()))),
  facts: z.record(z.string(), z.array(stateSchema)),
});
export type BaselineFile = z.infer<typeof baselineFileSchema>;
type State = z.infer<typeof stateSchema>;

/** Rights with what each grantee has together: `[["anon", "INSERT", "SELECT"], ["postgres", "SELECT*"]]`. */
type PackedRights = BaselineFile["rights"][number];

function packRights(rights: readonly string[]): PackedRights {
  const byGrantee = new Map<string, string[]>();
  for (const right of rights) {
    const at = right.lastIndexOf(" ");
    const [grantee, what] = at < 0 ? [right, ""] : [right.slice(0, at), right.slice(at + 1)];
    byGrantee.set(grantee, [...(byGrantee.get(grantee) ?? []), what]);
  }
  return [...byGrantee].map(([grantee, what]) => [grantee, ...what]);
}

export function unpackRights(packed: PackedRights): string[] {
  return packed.flatMap(([grantee = "", ...what]) => what.map((one) => (one === "" ? grantee : `${grantee} ${one}`)));
}

export function emptyBaseline(component: string): BaselineFile {
  return { format: "lifeboat-platform/1", component, snapshots: [], rights: [], facts: {} };
}

/** The file with one snapshot more at its end: facts that are as they were before take no room. Pure. */
export function withSnapshot(file: BaselineFile, snapshot: Snapshot, facts: readonly Fact[]): BaselineFile {
  const at = file.snapshots.length;
  const rights = [...file.rights];
  const numbers = new Map(rights.map((packed, number) => [JSON.stringify(packed), number]));
  const entries: Record<string, State[]> = { ...file.facts };
  for (const fact of facts) {
    const packed = packRights(fact.rights);
    const number = numbers.get(JSON.stringify(packed)) ?? rights.push(packed) - 1;
    numbers.set(JSON.stringify(packed), number);
    const state: State = [fact.definition, fact.owner, number, fact.comment, at, at];
    const known = entries[fact.key] ?? [];
    const same = known.findIndex((one) => [0, 1, 2, 3].every((place) => one[place] === state[place]));
    entries[fact.key] =
      same < 0 ? [...known, state] : known.map((one, place) => (place === same ? extended(one, at) : one));
  }
  return { ...file, snapshots: [...file.snapshots, snapshot], rights, facts: entries };
}

function extended(state: State, at: number): State {
  const [definition, owner, rights, comment, ...ranges] = state;
  if (ranges.at(-1) === at - 1) return [definition, owner, rights, comment, ...ranges.slice(0, -1), at];
  return [definition, owner, rights, comment, ...ranges, at, at];
}

/** As it is kept: one fact a line, so that a change of one shows as such. */
export function renderBaseline({ format, component, snapshots, rights, facts }: BaselineFile): string {
  const lines = (values: readonly string[]) => values.map((one) => `    ${one}`).join(",\n");
  const sorted = Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{
  "format": ${JSON.stringify(format)},
  "component": ${JSON.stringify(component)},
  "snapshots": [
${lines(snapshots.map((one) => JSON.stringify(one)))}
  ],
  "rights": [
${lines(rights.map((one) => JSON.stringify(one)))}
  ],
  "facts": {
${lines(sorted.map(([key, states]) => `${JSON.stringify(key)}: ${JSON.stringify(states)}`))}
  }
}
`;
}

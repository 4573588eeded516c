import type { BuiltIn, Grant, InventoryObject } from "./model.ts";

/**
 * The frame around every catalogue query: the inner query names objects (`classid`, `oid`), their owner, ACL and
 * canonical definition; the frame adds what is the same for all kinds: identity (pg_identify_object), grants spelled
 * out, comment, and the extension that the object is a member of.
 *
 * The inner query gives the columns: classid oid, oid oid, owner oid (0: none), acl aclitem[] (null: the kind has none;
 * callers put acldefault in its place), definition text, listed boolean; what is part of a relation also `home` name, the
 * relation's schema (pg_identify_object gives triggers and the like none), and `part_of` oid: the relation when the part
 * belongs to an extension as soon as the relation does, else 0. An extension's members go without their definition, but
 * for relations and what is on them: people put columns, policies and triggers onto an extension's tables.
 */
export function objectQuery(inner: string, part: "part" | "relation" | "whole" = "whole"): string {
  const home = part === "part" ? "o.home" : "null";
  const extension = part === "part" ? "coalesce(x.extname, y.extname)" : "x.extname";
  const body =
    part === "part" ? `left join ${members} y on y.classid = 'pg_class'::regclass and y.objid = o.part_of` : "";
  return `
    select coalesce(i.type, '') as kind, coalesce(i.identity, '') as identity, coalesce(i.schema, ${home}) as schema,
           o.classid::int8::text as "classId", o.oid::int8::text as oid,
           case when o.owner <> 0 then pg_get_userbyid(o.owner) end as owner,
           ${part === "whole" ? `case when ${extension} is null then o.definition else '' end` : "o.definition"} as definition,
           case when o.acl is not null then (
             select coalesce(json_agg(json_build_object(
                      'grantee', case when a.grantee = 0 then '' else pg_get_userbyid(a.grantee) end,
                      'grantor', pg_get_userbyid(a.grantor), 'privilege', a.privilege_type,
                      'column', null, 'grantable', a.is_grantable)
                    order by case when a.grantee = 0 then '' else pg_get_userbyid(a.grantee) end collate "C",
                             a.privilege_type collate "C", pg_get_userbyid(a.grantor) collate "C"), '[]')
               from aclexplode(o.acl) a) end as grants,
           (select d.description from pg_description d
             where d.objoid = o.oid and d.classoid = o.classid and d.objsubid = 0) as comment, ${extension} as extension,
           o.listed and ${extension} is null and coalesce(i.schema, ${home}, '') not in (${systemSchemas}) as listed
      from (${inner}) o
     cross join lateral pg_identify_object(o.classid, o.oid, 0) i
      left join ${members} x on x.classid = o.classid and x.objid = o.oid
      ${body}`;
}

/** Read once for a query: asked for each object, PostgreSQL may go through the members of every extension each time. */
const members = `(
  select p.classid, p.objid, e.extname
    from pg_depend p join pg_extension e on e.oid = p.refobjid
   where p.deptype = 'e' and p.refclassid = 'pg_extension'::regclass)`;

const systemSchemas = "'pg_catalog', 'information_schema'";

/** Whether a schema is a user's, or what has the number `oid` was put by somebody into one of Postgres' own: no dump has it. */
export function placedByUser(alias: string, oid: string): string {
  return `(${ownSchema(alias)} or (${alias}.nspname in (${systemSchemas}) and ${oid} >= ${firstUserOid}))`;
}

/** Schemas that are Postgres' own, as a condition on a `pg_namespace` row called `alias`. */
export function ownSchema(alias: string): string {
  return `${alias}.nspname !~ '^pg_' and ${alias}.nspname <> 'information_schema'`;
}

/** First OID that is given to what users create (access/transam.h, FirstNormalObjectId). */
export const firstUserOid = 16384;

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

import type { Client } from "pg";
import { z } from "zod";
import { nameOnTable, quoteLiteral, quoteQualified } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject, TableContent } from "../../../postgres/inventory/model.ts";
import { pathStatement } from "../../../postgres/inventory/name-lookup.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { attempt, attemptEach } from "../../target/sessions.ts";

/** Checks of some tables, of those that they inherit from, and of the domains that their columns are made of. */
const checksOf = `
  with recursive
  line(oid) as (
    select to_regclass(t)::oid from unnest($1::text[]) t
     union select h.inhparent from pg_inherits h join line on h.inhrelid = line.oid),
  types(oid) as (
    select a.atttypid from pg_attribute a join line on a.attrelid = line.oid where a.attnum > 0 and not a.attisdropped
     union
    select p.oid from types join pg_type y on y.oid = types.oid cross join lateral (
      select y.typbasetype union all select y.typelem
       union all select a.atttypid from pg_attribute a where a.attrelid = y.typrelid and y.typtype = 'c' and a.attnum > 0
       union all select r.rngsubtype from pg_range r where r.rngtypid = y.oid
       union all select r.rngtypid from pg_range r where r.rngmultitypid = y.oid) p(oid) where p.oid <> 0)
  select i.type as kind, i.identity
    from pg_constraint k cross join lateral pg_identify_object('pg_constraint'::regclass, k.oid, 0) i
   where k.contype = 'c' and k.coninhcount = 0
     and (k.conrelid in (select oid from line) or k.contypid in (select oid from types))`;

const present = `
  select i.type as kind, i.identity
    from pg_constraint k cross join lateral pg_identify_object('pg_constraint'::regclass, k.oid, 0) i
   where k.contype = 'c'`;

const namesSchema = z.array(z.strictObject({ kind: z.string(), identity: z.string() }));

/**
 * Takes the checks of tables off whose rows did not go in: a check may read other rows than the one it checks, and those
 * are not there yet, or its function was changed after the rows had come. What the source does not have stays. Nothing
 * has to be noted: `putBackChecks` finds by the inventory what lacks.
 */
export async function takeOffChecks(
  client: Client,
  source: Inventory,
  tables: readonly Pick<TableContent, "schema" | "name">[],
): Promise<void> {
  const known = byKey(source.objects);
  const names = tables.map(({ schema, name }) => quoteQualified(schema, name));
  // What a child has of its own comes to light when its parent's is gone.
  for (let more = true; more; ) {
    const found = namesSchema.parse((await client.query(checksOf, [names])).rows);
    const parts = found.flatMap((one) => (known.has(objectKey(one)) ? (place(one) ?? []) : []));
    const refused = await attemptEach(client, parts, ({ on, name }) => `alter ${on} drop constraint ${name}`);
    more = refused.size < parts.length;
  }
}

/**
 * Adds the checks that the target lacks although it has their table or domain; one that rows break, as NOT VALID.
 * @returns reasons by object key
 */
export async function putBackChecks(
  client: Client,
  source: Inventory,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const here = new Set(namesSchema.parse((await client.query(present)).rows).map(objectKey));
  const missing = source.objects.filter(
    (object) => isOwnCheck(object) && object.extension === null && !here.has(objectKey(object)),
  );
  const ways = missing
    .map((object) => ({ object, ways: waysBack(object, paths) }))
    .filter(({ ways }) => ways.length > 0);
  const refused = await attemptEach(client, ways, ({ ways: [first = ""] }) => first);
  for (const [{ object, ways: others }, reason] of refused) {
    let last: string | undefined = reason;
    for (const way of others.slice(1)) if (last !== undefined) last = await attempt(client, way);
    if (last !== undefined) failures.set(objectKey(object), last);
  }
  return failures;
}

/** What adds a check with its comment, each to be tried where the one before does not work. */
function waysBack(object: InventoryObject, paths: readonly string[]): string[] {
  const parts = place(object);
  if (parts === undefined) return [];
  const text = checkText(object);
  const add = `alter ${parts.on} add constraint ${parts.name} ${text};\n`;
  const comment =
    object.comment === null
      ? ""
      : `comment on constraint ${parts.name} on ${parts.of} is ${quoteLiteral(object.comment)};\n`;
  const ways = [add, ...paths.map((path) => pathStatement(path) + add)];
  if (!text.endsWith("NOT VALID")) ways.push(`alter ${parts.on} add constraint ${parts.name} ${text} NOT VALID;\n`);
  return ways.map((way) => way + comment);
}

/** Whether it is a check that its table or domain has itself, and not from a parent alone. */
function isOwnCheck({ kind, definition }: InventoryObject): boolean {
  return (
    /^(table|domain) constraint$/.test(kind) &&
    definition.startsWith("CHECK ") &&
    !/ inherited( no inherit)?$/.test(definition)
  );
}

/** The check as pg_get_constraintdef gives it, without what the inventory adds in small letters. */
export function checkText({ definition }: Pick<InventoryObject, "definition">): string {
  return definition.replace(/( inherited)?( no inherit)?$/, "");
}

/** Where a constraint is, as the statements want it. */
export function place({
  kind,
  identity,
}: Pick<InventoryObject, "kind" | "identity">): { on: string; of: string; name: string } | undefined {
  const parts = nameOnTable(identity);
  if (parts === undefined) return undefined;
  const domain = kind === "domain constraint";
  return {
    on: `${domain ? "domain" : "table"} ${parts.table}`,
    of: `${domain ? "domain " : ""}${parts.table}`,
    name: parts.name,
  };
}

import type { Client } from "pg";
import type { Inventory, InventoryObject } from "../source/inventory/model.ts";
import { byKey, objectKey } from "../source/inventory/object-key.ts";

/** The query within the definition of a view: from its SELECT to the semicolon before the list of columns. */
const query = /^ (?:SELECT|WITH)[\s\S]*?;$(?=\n {2}column |$(?![\s\S]))/m;

/**
 * Major versions print the same view differently (from 16 on column names are qualified only where needed). Where a
 * view's text differs between majors, the set's text is made a temporary view in the target and printed by the target:
 * when that gives the target's own text, both are the same view.
 *
 * @returns keys of the objects that differ in words only
 */
export async function sameInOtherWords(client: Client, source: Inventory, target: Inventory): Promise<Set<string>> {
  const same = new Set<string>();
  if (source.serverMajor === target.serverMajor) return same;
  const present = byKey(target.objects);
  for (const object of source.objects) {
    const twin = present.get(objectKey(object));
    if (twin === undefined || twin.definition === object.definition) continue;
    if (object.kind === "table" && withoutInheritedIdentity(twin) === object.definition) same.add(objectKey(object));
    if (object.kind !== "view" && object.kind !== "materialized view") continue;
    if ((await inTargetsWords(client, object)) === twin.definition) same.add(objectKey(object));
  }
  return same;
}

/** From 17 on a partition has its parent's identity columns as its own; before, only the parent had them. */
function withoutInheritedIdentity(table: InventoryObject): string {
  return table.definition.replaceAll(/^( {2}column .*) identity [ad]( .*)?( inherited\b)/gm, "$1$2$3");
}

async function inTargetsWords(client: Client, object: InventoryObject): Promise<string | undefined> {
  const text = query.exec(object.definition)?.[0];
  if (text === undefined) return undefined;
  await client.query("begin");
  try {
    await client.query(`create temporary view lifeboat_words as ${text}`);
    const answer = await client.query("select pg_get_viewdef('pg_temp.lifeboat_words'::regclass) as text");
    const words: unknown = answer.rows[0]?.text;
    return typeof words === "string" ? object.definition.replace(query, () => words) : undefined;
  } catch {
    return undefined;
  } finally {
    await client.query("rollback");
  }
}

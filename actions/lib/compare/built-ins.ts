import type { BuiltIn, Inventory, InventoryObject } from "../postgres/inventory/model.ts";
import { isBuiltIn, objectKey } from "../postgres/inventory/object-key.ts";
import type { Judgement } from "./judge-platform.ts";

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

import type { Client } from "pg";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-key.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { attempt } from "../../target/attempt.ts";
import type { TargetFacts } from "../../target/target.ts";

/**
 * Takes out of a new project what stands in the way of the source's own: a publication that the user has changed there, an
 * extension that lies in another schema there. What was dropped is made from the dump.
 *
 * @returns the target as it is now, and why something stayed, by object key
 */
export async function makeRoom(
  client: Client,
  source: Inventory,
  facts: TargetFacts,
): Promise<{ facts: TargetFacts; failures: Map<string, string> }> {
  let changed = false;
  const wanted = byKey(source.objects);
  const failures = new Map<string, string>();
  const run = async (object: InventoryObject, ...ways: readonly string[]) => {
    let reason: string | undefined;
    for (const way of ways) {
      reason = await attempt(client, way);
      changed ||= reason === undefined;
      if (reason === undefined) return;
    }
    if (reason !== undefined) failures.set(objectKey(object), reason);
  };
  for (const object of facts.inventory.objects) {
    const twin = wanted.get(objectKey(object));
    if (object.kind === "publication" && object.owner === "postgres" && !sameText(object, twin)) {
      await run(object, `drop publication ${object.identity}`);
    }
    if (object.kind === "schema" && object.identity === "public" && twin === undefined) {
      await run(object, "drop schema public");
    }
    if (object.kind === "extension" && twin !== undefined) {
      const place = schemaOf(twin);
      if (place !== undefined && place !== schemaOf(object)) await run(object, ...moving(object.identity, place));
    }
  }
  return { facts: changed ? { ...facts, inventory: await readInventory(client) } : facts, failures };
}

function sameText(object: InventoryObject, twin: InventoryObject | undefined): boolean {
  return twin !== undefined && object.definition === twin.definition && object.comment === twin.comment;
}

/** As it stands in a statement; from the definition `version 1.1 schema extensions`. */
function schemaOf({ definition }: InventoryObject): string | undefined {
  return / schema (.+)$/.exec(definition)?.[1];
}

/** Not every extension can be moved; one that nothing hangs on yet can be made anew. */
function moving(extension: string, schema: string): string[] {
  const make = `create schema if not exists ${schema};\n`;
  return [
    `${make}alter extension ${extension} set schema ${schema}`,
    `${make}drop extension ${extension};\ncreate extension ${extension} with schema ${schema}`,
  ];
}

import { createHash } from "node:crypto";
import { z } from "zod";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { grantText, objectKey } from "../../../postgres/inventory/object-key.ts";
import { isOwnObject } from "../../../postgres/own-schemas.ts";

/** What a target was at one moment, small enough for the notes: every object by a digest, every sequence by its value. */
export const targetStateSchema = z.strictObject({
  objects: z.record(z.string(), z.string()),
  sequences: z.record(z.string(), z.strictObject({ lastValue: z.string(), isCalled: z.boolean() })),
});
export type TargetState = z.infer<typeof targetStateSchema>;

/** An extension's members come and go with it, and our own notes are no part of the target. */
export function stateOf(inventory: Inventory): TargetState {
  return {
    objects: Object.fromEntries(
      inventory.objects
        .filter((object) => object.extension === null && !isOwnObject(object) && !isDaily(object))
        .map((object) => [objectKey(object), digestOf(object)]),
    ),
    sequences: Object.fromEntries(
      inventory.sequences.map((one) => [tableName(one), { lastValue: one.lastValue, isCalled: one.isCalled }]),
    ),
  };
}

/** Supabase's realtime server makes and drops a partition of its messages each day. */
function isDaily({ schema, identity }: InventoryObject): boolean {
  return schema === "realtime" && /\brealtime\.messages_\d/.test(identity);
}

/** What an object is, whose it is, and who may use it; who gave a right is left out, as a comparison does. */
export function digestOf(object: InventoryObject): string {
  const grants = (object.grants ?? []).map(grantText).sort();
  const text = JSON.stringify([object.definition, object.owner, grants, object.comment]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

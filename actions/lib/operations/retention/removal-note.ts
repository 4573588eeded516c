import { z } from "zod";
import { newSetId, setId, tierSchema } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { SetName } from "../../vault/sets/catalogue.ts";

/** Where retention says what it is about to remove, before it does: `retention/removed/<run>.json`, once, and in each bucket. */
export const removalNotes = "retention/removed/";

/** Unsigned: retention holds no key. Whoever acts on it asks the plan first; it can make nothing go that the policy keeps. */
export const removalNoteSchema = z.strictObject({
  format: z.literal("lifeboat-removed/1"),
  run: setId,
  at: z.iso.datetime(),
  sets: z.array(z.strictObject({ tier: tierSchema, set: setId })),
  /** Of the files. */
  snapshots: z.array(setId),
});
export type RemovalNote = z.infer<typeof removalNoteSchema>;

/** Says what goes; nothing when nothing does. @param now by the store's clock, ms @returns its key */
export async function noteRemoval(
  vault: Pick<Vault, "put">,
  now: number,
  { sets, snapshots }: { readonly sets: readonly SetName[]; readonly snapshots: readonly string[] },
): Promise<string | undefined> {
  if (sets.length + snapshots.length === 0) return undefined;
  const time = new Date(now);
  const run = newSetId(time);
  const note: RemovalNote = {
    ...{ format: "lifeboat-removed/1", run, at: time.toISOString() },
    ...{ sets: sets.map(({ tier, set }) => ({ tier, set })), snapshots: [...snapshots] },
  };
  const key = `${removalNotes}${run}.json`;
  await vault.put(key, Buffer.from(`${JSON.stringify(removalNoteSchema.parse(note))}\n`), {
    ...{ ifNoneMatch: true, contentType: "application/json" },
  });
  return key;
}

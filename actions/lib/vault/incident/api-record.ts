import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { versionsBelow } from "../s3/versions.ts";
import { incidentPrefix } from "./state.ts";
import { putRecord } from "./write.ts";

/** Strict: what it says is written to the project at the end. Never more than this one setting. */
const recordSchema = z.strictObject({
  format: z.literal("lifeboat-incident-api/1"),
  incident: z.string(),
  projectRef: z.string(),
  /** Schemas that the Data API served, exactly as the Management API gave them. */
  dbSchema: z.string().min(1),
  at: z.iso.datetime(),
});
export type ApiRecord = z.infer<typeof recordSchema>;

const keyOf = (id: string): string => `${incidentPrefix(id)}api.json`;

/** Notes how the Data API was set, before it is switched off. Never replaces anything. @throws OperationError `incident-taken` */
export async function writeApiRecord(vault: Vault, record: Omit<ApiRecord, "format">, sign: SignBytes): Promise<void> {
  const note = await writeNote(recordSchema.parse({ format: "lifeboat-incident-api/1", ...record }), sign);
  await putRecord(vault, keyOf(record.incident), note, new Date(record.at));
}

/**
 * What an incident has noted, as it was written: only what a trusted key has signed for this very incident.
 * @returns `distrusted`: something lies there that nobody trusted has signed; null where nothing does
 */
export async function readApiRecord(
  vault: Vault,
  id: string,
  verify: VerifySignature,
): Promise<ApiRecord | "distrusted" | null> {
  const versions = (await versionsBelow(vault.transport, keyOf(id))).filter(
    ({ key, marker }) => key === keyOf(id) && !marker,
  );
  // The store lists the newest first: ours is the oldest.
  for (const { versionId, bytes } of versions.reverse().slice(0, 20)) {
    if (bytes > 64 * 1024) continue;
    const note = await vault
      .get(keyOf(id), { versionId, maxBytes: 64 * 1024 })
      .then(({ body }) => readNote(body, verify))
      .catch((error: unknown) => {
        if (error instanceof LifeboatError && error.code === "s3-missing") return undefined;
        throw error;
      });
    const record = note?.trusted === true ? recordSchema.safeParse(note.document).data : undefined;
    if (record?.incident === id) return record;
  }
  return versions.length === 0 ? null : "distrusted";
}

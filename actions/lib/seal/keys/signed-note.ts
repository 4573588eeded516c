import { z } from "zod";

/** Makes a detached, armored signature over bytes (`signDetached`). */
export type SignBytes = (bytes: Uint8Array) => Promise<string>;

/** Checks one; rejects when it is not by a trusted key (`verifyDetached`). */
type VerifyBytes = (bytes: Uint8Array, armored: string) => Promise<unknown>;

/** The document as text, because a signature is over bytes. */
const noteSchema = z.strictObject({
  format: z.literal("lifeboat-note/1"),
  document: z.string(),
  signature: z.string(),
});

/**
 * A small document for the vault that says whose word it is: its text and a signature over it, in one object. Without a key
 * to sign with, the document alone.
 *
 * @param document names its own form in `format`, so that a note of one kind is never taken for one of another
 */
export async function writeNote<Document extends { readonly format: string }>(
  document: Document,
  sign: SignBytes | undefined,
): Promise<Buffer> {
  const text = JSON.stringify(document, null, 2);
  if (sign === undefined) return Buffer.from(`${text}\n`);
  const note = { format: "lifeboat-note/1", document: text, signature: await sign(Buffer.from(text)) };
  return Buffer.from(`${JSON.stringify(note)}\n`);
}

/**
 * Reads such a document. Whoever can write the bucket can write one without a signature, or change one: it is `trusted`
 * only when a trusted key signed it.
 *
 * @returns undefined for what is not JSON
 */
export async function readNote(
  bytes: Uint8Array,
  verify: VerifyBytes,
): Promise<{ readonly document: unknown; readonly trusted: boolean } | undefined> {
  const json = parseJson(bytes);
  const note = noteSchema.safeParse(json).data;
  if (note === undefined) return json === undefined ? undefined : { document: json, trusted: false };
  const text = Buffer.from(note.document);
  const document = parseJson(text);
  if (document === undefined) return undefined;
  const trusted = await verify(text, note.signature).then(
    () => true,
    () => false,
  );
  return { document, trusted };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

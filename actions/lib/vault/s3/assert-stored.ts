import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Vault } from "./client.ts";

/**
 * Reads a small object again and compares it with what was sent: an answer that says "stored" is no proof.
 * @param metadata what must be there with it
 * @throws OperationError `stored-differs` when it is missing or other than what was sent; `s3-unavailable`
 */
export async function assertStored(
  vault: Vault,
  key: string,
  body: Uint8Array,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const differs = (how: string) =>
    new OperationError(
      "stored-differs",
      `${key} in bucket ${vault.bucket} ${how}: the store does not hold what it said it had stored`,
      "Do not trust this bucket before its store has been looked at; run the backup again.",
    );
  const found = await vault.get(key, { maxBytes: body.byteLength }).catch((error: unknown) => {
    if (error instanceof LifeboatError && error.code === "s3-missing") throw differs("is not there");
    if (error instanceof LifeboatError && error.code === "s3-too-large") throw differs("is longer than what was sent");
    throw error;
  });
  if (Buffer.compare(found.body, body) !== 0) throw differs("has other content");
  for (const [name, value] of Object.entries(metadata)) {
    if (found.metadata?.[name] !== value) throw differs("lacks its metadata");
  }
}

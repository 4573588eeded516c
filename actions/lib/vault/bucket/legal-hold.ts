import { PutObjectLegalHoldCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import { readAnswer } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";
import { legalHoldOf, type VersionName } from "./lock.ts";

/**
 * Puts the legal hold on, or takes it off, and asks the store whether it did. Can be repeated. A file of its own: the check of roles
 * asks who can reach it, and only whoever holds and releases may.
 * @returns whether it had to be changed
 * @throws OperationError `hold-failed` when the store does not do it; ConfigurationError `s3-denied`
 */
export async function setLegalHold(vault: Vault, version: VersionName, status: "on" | "off"): Promise<boolean> {
  const { key, versionId } = version;
  const head = await vault.head(key, versionId);
  // Where HEAD says nothing it is asked before it is lifted; to put it on once more costs less than the question.
  const before = head?.legalHold ?? (status === "off" && head !== undefined ? await legalHoldOf(vault, version) : null);
  if (before === status) return false;
  const failed = (how: string) =>
    new OperationError(
      "hold-failed",
      `The legal hold of ${key} in bucket ${vault.bucket} cannot be switched ${status}: ${how}`,
      "Check that the bucket has Object Lock: `lifeboat check`.",
    );
  if (head === undefined || before === "gone") throw failed("it is not there");
  await vault.transport.request({ operation: "PutObjectLegalHold", key }, async ({ client, bucket, watch }) => {
    const LegalHold = { Status: status === "on" ? "ON" : "OFF" } as const;
    const command = new PutObjectLegalHoldCommand({ Bucket: bucket, Key: key, VersionId: versionId, LegalHold });
    await client.send(command, { abortSignal: watch.signal }).catch((error: unknown) => {
      // A bucket without Object Lock.
      throw /^(InvalidRequest|ObjectLockConfigurationNotFoundError)$/.test(readAnswer(error).code)
        ? failed("the bucket has no Object Lock")
        : error;
    });
  });
  const after = await legalHoldOf(vault, version);
  if (after !== status && after !== "unknown") throw failed("the store does not do it");
  return true;
}

import { GetObjectLegalHoldCommand, PutObjectLegalHoldCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import { readAnswer } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";

/** One stored version of an object. */
export interface VersionName {
  readonly key: string;
  /** Undefined: the current one. */
  readonly versionId: string | undefined;
}

/** `gone`: there is no such version. `unknown`: the store does not tell whoever asks. */
export type LegalHold = "on" | "off" | "gone" | "unknown";

/**
 * Whether the store's legal hold is on this version. HEAD leaves it out for whoever may not ask, and says nothing where there
 * never was one: only the question itself tells these two apart.
 * @throws LifeboatError when the store cannot be asked
 */
export async function legalHoldOf(vault: Vault, { key, versionId }: VersionName): Promise<LegalHold> {
  const head = await vault.head(key, versionId);
  if (head === undefined) return "gone";
  if (head.legalHold !== undefined) return head.legalHold;
  return vault.transport.request({ operation: "GetObjectLegalHold", key }, async ({ client, bucket, watch }) => {
    try {
      const command = new GetObjectLegalHoldCommand({ Bucket: bucket, Key: key, VersionId: versionId });
      const { LegalHold } = await client.send(command, { abortSignal: watch.signal });
      return LegalHold?.Status === "ON" ? "on" : "off";
    } catch (error) {
      const { code, verdict } = readAnswer(error);
      if (verdict === "denied") return "unknown";
      if (verdict === "missing" && code !== "NoSuchObjectLockConfiguration") return "gone";
      // S3's answer for an object without a hold, and for a bucket without Object Lock.
      if (/^(NoSuchObjectLockConfiguration|ObjectLockConfigurationNotFoundError|InvalidRequest)$/.test(code))
        return "off";
      throw error;
    }
  });
}

/**
 * Puts the legal hold on, or takes it off, and asks the store whether it did. Can be repeated.
 * @returns whether it had to be changed
 * @throws OperationError `hold-failed` when the store does not do it; ConfigurationError `s3-denied`
 */
export async function setLegalHold(vault: Vault, version: VersionName, status: "on" | "off"): Promise<boolean> {
  const { key, versionId } = version;
  const before = await legalHoldOf(vault, version);
  if (before === status) return false;
  const failed = (how: string) =>
    new OperationError(
      "hold-failed",
      `The legal hold of ${key} in bucket ${vault.bucket} cannot be switched ${status}: ${how}`,
      "Check that the bucket has Object Lock: `lifeboat check`.",
    );
  if (before === "gone") throw failed("it is not there");
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

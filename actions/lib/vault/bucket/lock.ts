import { GetObjectLegalHoldCommand, GetObjectRetentionCommand, PutObjectRetentionCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { readAnswer } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";

interface LockReport {
  /** Objects that are locked now. */
  readonly objects: number;
  /** Of these, the ones that needed it; the others were locked for as long already. */
  readonly applied: number;
}

interface Retention {
  readonly mode: string;
  readonly until: Date;
}

/** When something that was stored at `from` may go: `days` later, to the second, as S3 keeps it. */
export function retainUntil(from: Date, days: number): Date {
  return new Date(Math.ceil(from.getTime() / 1000) * 1000 + days * 86_400_000);
}

/**
 * Locks every object of a set (GOVERNANCE) until the given time and asks the store whether it did. A lock that lasts longer
 * stays. Can be repeated: a run that was killed between manifest and lock is completed by the next.
 * @param prefix of the set, whole and published
 * @throws OperationError `lock-failed` when the store does not confirm; ConfigurationError `s3-denied`
 */
export async function lockSet(vault: Vault, prefix: string, until: Date): Promise<LockReport> {
  const keys: string[] = [];
  for await (const { key } of vault.list(prefix)) keys.push(key);
  const applied = await mapBounded(keys, 24, (key) => lockObject(vault, key, until));
  return { objects: keys.length, applied: applied.filter(Boolean).length };
}

/** @param versionId default: the current version @returns whether it had to be applied; see `lockSet` */
export async function lockObject(
  vault: Vault,
  key: string,
  until: Date,
  versionId?: string | undefined,
): Promise<boolean> {
  if (keeps(await retentionOf(vault, key, versionId), until)) return false;
  const failed = () =>
    new OperationError(
      "lock-failed",
      `${key} in bucket ${vault.bucket} was to be locked until ${until.toISOString()}, and the store does not do it`,
      "Check that the bucket has Object Lock: `lifeboat check`.",
    );
  await vault.transport.request({ operation: "PutObjectRetention", key }, async ({ client, bucket, watch }) => {
    const Retention = { Mode: "GOVERNANCE", RetainUntilDate: until } as const;
    const command = new PutObjectRetentionCommand({ Bucket: bucket, Key: key, VersionId: versionId, Retention });
    await client.send(command, { abortSignal: watch.signal }).catch((error: unknown) => {
      throw readAnswer(error).code === "InvalidRequest" ? failed() : error; // a bucket without Object Lock
    });
  });
  if (!keeps(await retentionOf(vault, key, versionId), until)) throw failed();
  return true;
}

/**
 * @param versionId default: the current version
 * @returns its retention; null when it has none, or the bucket has no Object Lock
 */
export async function retentionOf(
  vault: Vault,
  key: string,
  versionId?: string | undefined,
): Promise<Retention | null> {
  return vault.transport.request({ operation: "GetObjectRetention", key }, async ({ client, bucket, watch }) => {
    try {
      const command = new GetObjectRetentionCommand({ Bucket: bucket, Key: key, VersionId: versionId });
      const { Retention: found } = await client.send(command, { abortSignal: watch.signal });
      return found?.Mode && found.RetainUntilDate ? { mode: found.Mode, until: found.RetainUntilDate } : null;
    } catch (error) {
      // S3: NoSuchObjectLockConfiguration for the object, InvalidRequest for a bucket without Object Lock; others use the
      // code of the bucket's configuration for both.
      const { code } = readAnswer(error);
      if (/^(NoSuchObjectLockConfiguration|ObjectLockConfigurationNotFoundError|InvalidRequest)$/.test(code))
        return null;
      throw error;
    }
  });
}

/** S3 keeps whole seconds. */
function keeps(found: Retention | null, until: Date): boolean {
  return found !== null && found.until.getTime() >= Math.floor(until.getTime() / 1000) * 1000;
}

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
      // S3: NoSuchObjectLockConfiguration for an object without a hold, InvalidRequest for a bucket without Object Lock. Others say
      // that there is no such key, which HEAD has just seen.
      if (verdict === "missing" || /^(ObjectLockConfigurationNotFoundError|InvalidRequest)$/.test(code)) return "off";
      throw error;
    }
  });
}

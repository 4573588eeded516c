import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand } from "@aws-sdk/client-s3";
import { isConditionFailed, readAnswer } from "../../s3/store-errors.ts";
import { asFact, type Fact, known, regionOf, unknown } from "../s3/bucket-facts.ts";
import type { Vault } from "../s3/client.ts";

interface ObjectLock {
  readonly enabled: boolean;
  /** The bucket's default retention for new objects, if it has one. */
  readonly defaultMode: string | undefined;
  readonly defaultDays: number | undefined;
}

/** What can be learned of a bucket without writing to it. */
export interface BucketFacts {
  readonly bucket: string;
  /** The store's name for its place. A store that is not AWS's own may have none (`unknown`). */
  readonly region: Fact<string>;
  readonly versioning: Fact<"enabled" | "suspended" | "off">;
  readonly objectLock: Fact<ObjectLock>;
}

/** Fewer attempts than a transfer: somebody waits for the table. */
const retry = { attempts: 3, totalSeconds: 20, stallSeconds: 10 };

/**
 * Asks for everything that the preflight shows of a bucket.
 * @throws ConfigurationError `s3-bucket-missing`, `s3-credentials`, `s3-region` (tells the real one);
 * OperationError `s3-unavailable`
 */
export async function inspectBucket(vault: Vault): Promise<BucketFacts> {
  const region = await regionOf(vault.transport, retry);
  const [versioning, objectLock] = await Promise.all([asFact(() => versioningOf(vault)), objectLockOf(vault)]);
  return { bucket: vault.bucket, region, versioning, objectLock };
}

async function versioningOf(vault: Vault): Promise<Fact<"enabled" | "suspended" | "off">> {
  return vault.transport.request({ operation: "GetBucketVersioning", retry }, async ({ client, bucket, watch }) => {
    const command = new GetBucketVersioningCommand({ Bucket: bucket });
    const { Status } = await client.send(command, { abortSignal: watch.signal });
    return known(Status === "Enabled" ? "enabled" : Status === "Suspended" ? "suspended" : "off");
  });
}

/** Whether the bucket can lock objects. @throws as `inspectBucket` */
export function objectLockOf(vault: Vault): Promise<Fact<ObjectLock>> {
  return asFact(() => lockOf(vault));
}

async function lockOf(vault: Vault): Promise<Fact<ObjectLock>> {
  const operation = "GetObjectLockConfiguration";
  return vault.transport.request({ operation, retry }, async ({ client, bucket, watch }) => {
    const command = new GetObjectLockConfigurationCommand({ Bucket: bucket });
    try {
      const { ObjectLockConfiguration: found } = await client.send(command, { abortSignal: watch.signal });
      const rule = found?.Rule?.DefaultRetention;
      return known({
        enabled: found?.ObjectLockEnabled === "Enabled",
        defaultMode: rule?.Mode,
        defaultDays: rule?.Days ?? (rule?.Years === undefined ? undefined : rule.Years * 365),
      });
    } catch (error) {
      if (readAnswer(error).code !== "ObjectLockConfigurationNotFoundError") throw error;
      return known({ enabled: false, defaultMode: undefined, defaultDays: undefined });
    }
  });
}

/** What writing a small object below `probe/` has shown. */
interface WriteFacts {
  readonly mayWrite: Fact<true>;
  /** Whether the store refuses `If-None-Match: *` over an object; without that, neither leases nor manifests are safe. */
  readonly conditionalWrites: Fact<boolean>;
}

export const probeKey = "probe/write.txt";

/** Writes, and writes again on the condition that nothing is there. Always the same object: nothing has to be deleted. */
export async function probeWrite(vault: Vault): Promise<WriteFacts> {
  const retry = { attempts: 3, totalSeconds: 20, stallSeconds: 10 };
  const body = Buffer.from(
    "Written by `lifeboat check`, and before each backup, to see that the vault can be written.\n",
  );
  const put = async (condition: { ifNoneMatch?: true }): Promise<Fact<true>> => {
    await vault.put(probeKey, body, { ...condition, contentType: "text/plain", retry });
    return known(true);
  };
  const mayWrite = await asFact(() => put({}));
  if (mayWrite.state !== "known") return { mayWrite, conditionalWrites: unknown("nothing could be written") };
  const conditionalWrites = await asFact(async () => {
    try {
      await put({ ifNoneMatch: true });
      return known(false);
    } catch (error) {
      if (isConditionFailed(error)) return known(true);
      throw error;
    }
  });
  return { mayWrite, conditionalWrites };
}

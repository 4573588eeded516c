import {
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
} from "@aws-sdk/client-s3";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { isConditionFailed, readAnswer } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";

/**
 * One thing that the preflight wants to know. `unknown`: the store gave no usable answer. `denied`: it refused to tell, and
 * `why` names what it refused.
 */
export type Fact<T> =
  | { readonly state: "known"; readonly value: T }
  | { readonly state: "unknown"; readonly why: string }
  | { readonly state: "denied"; readonly why: string };

export const known = <T>(value: T): Fact<T> => ({ state: "known", value });
const unknown = (why: string): Fact<never> => ({ state: "unknown", why });

/** Turns the error of one question into its fact, so that the other questions are still asked. Credentials that are not
 * accepted, a missing bucket and a store out of reach stay errors. */
export async function asFact<T>(question: () => Promise<Fact<T>>): Promise<Fact<T>> {
  try {
    return await question();
  } catch (error) {
    // These spoil every other question too.
    const fatal = ["s3-credentials", "s3-bucket-missing", "s3-unavailable"];
    if (error instanceof LifeboatError && fatal.includes(error.code)) throw error;
    const code = error instanceof LifeboatError ? error.code : readAnswer(error).code;
    const why = error instanceof LifeboatError ? error.message : code;
    return { state: code === "s3-denied" ? "denied" : "unknown", why };
  }
}

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
  const region = await regionOf(vault);
  const [versioning, objectLock] = await Promise.all([asFact(() => versioningOf(vault)), objectLockOf(vault)]);
  return { bucket: vault.bucket, region, versioning, objectLock };
}

async function regionOf(vault: Vault): Promise<Fact<string>> {
  const { transport } = vault;
  const named = await transport.request({ operation: "HeadBucket", retry }, async ({ client, bucket, watch }) => {
    try {
      const { BucketRegion } = await client.send(new HeadBucketCommand({ Bucket: bucket }), {
        abortSignal: watch.signal,
      });
      return BucketRegion;
    } catch (error) {
      const { verdict, region } = readAnswer(error);
      if (verdict === "missing" || verdict === "no-bucket") throw bucketMissing(bucket);
      // A refusal, too, tells in x-amz-bucket-region where the bucket is. Why it refuses is for the next question: a
      // HEAD has no body to say it in.
      if (verdict === "again") throw error;
      return region;
    }
  });
  return named === undefined ? locationOf(vault) : known(named);
}

function bucketMissing(bucket: string): ConfigurationError {
  return new ConfigurationError("s3-bucket-missing", `There is no bucket ${bucket}`, "Create it, or correct its name.");
}

/** Empty means us-east-1 at AWS (GetBucketLocation, API reference); elsewhere it means nothing. */
async function locationOf(vault: Vault): Promise<Fact<string>> {
  const { transport } = vault;
  return asFact(() =>
    transport.request({ operation: "GetBucketLocation", retry }, async ({ client, bucket, watch }) => {
      const command = new GetBucketLocationCommand({ Bucket: bucket });
      const { LocationConstraint: place } = await client.send(command, { abortSignal: watch.signal });
      if (place) return known(place === "EU" ? "eu-west-1" : place);
      return transport.foreign ? unknown("the store names no region") : known("us-east-1");
    }),
  );
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

import { GetBucketLocationCommand, HeadBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { RetryPolicy } from "../../base/flow/retry.ts";
import { readAnswer } from "../../s3/store-errors.ts";
import type { Transport } from "../../s3/transport.ts";

/**
 * One thing that somebody wants to know of a bucket. `unknown`: the store gave no usable answer. `denied`: it refused to tell, and
 * `why` names what it refused.
 */
export type Fact<T> =
  | { readonly state: "known"; readonly value: T }
  | { readonly state: "unknown"; readonly why: string }
  | { readonly state: "denied"; readonly why: string };

export const known = <T>(value: T): Fact<T> => ({ state: "known", value });
export const unknown = (why: string): Fact<never> => ({ state: "unknown", why });

/** Turns the error of one question into its fact, so that the other questions are still asked. Credentials that are not
 * accepted, a missing bucket and a store out of reach stay errors. */
export async function asFact<T>(question: () => Promise<Fact<T>>): Promise<Fact<T>> {
  try {
    return await question();
  } catch (error) {
    // These spoil every other question too.
    const fatal = ["s3-credentials", "s3-bucket-missing", "s3-unavailable", "region-refused"];
    if (error instanceof LifeboatError && fatal.includes(error.code)) throw error;
    const code = error instanceof LifeboatError ? error.code : readAnswer(error).code;
    const why = error instanceof LifeboatError ? error.message : code;
    return { state: code === "s3-denied" ? "denied" : "unknown", why };
  }
}

/** A bucket does not move: who opened it once knows. */
const told = new WeakMap<S3Client, Promise<Fact<string>>>();

/**
 * Where the bucket really is, by the store's own word; asked once for each client. A store that is not AWS's own may have no
 * regions (`unknown`).
 * @throws ConfigurationError `s3-bucket-missing`, `s3-credentials`; OperationError `s3-unavailable`
 */
export function regionOf(transport: Transport, retry: Partial<RetryPolicy> = {}): Promise<Fact<string>> {
  const before = told.get(transport.client);
  if (before !== undefined) return before;
  const asked = askRegion(transport, retry);
  told.set(transport.client, asked);
  // What could not be asked is asked again.
  asked.catch(() => told.delete(transport.client));
  return asked;
}

async function askRegion(transport: Transport, retry: Partial<RetryPolicy>): Promise<Fact<string>> {
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
  return named === undefined ? locationOf(transport, retry) : known(named);
}

function bucketMissing(bucket: string): ConfigurationError {
  return new ConfigurationError("s3-bucket-missing", `There is no bucket ${bucket}`, "Create it, or correct its name.");
}

/** Empty means us-east-1 at AWS (GetBucketLocation, API reference); elsewhere it means nothing. */
async function locationOf(transport: Transport, retry: Partial<RetryPolicy>): Promise<Fact<string>> {
  return asFact(() =>
    transport.request({ operation: "GetBucketLocation", retry }, async ({ client, bucket, watch }) => {
      const command = new GetBucketLocationCommand({ Bucket: bucket });
      const { LocationConstraint: place } = await client.send(command, { abortSignal: watch.signal });
      if (place) return known(place === "EU" ? "eu-west-1" : place);
      return transport.foreign ? unknown("the store names no region") : known("us-east-1");
    }),
  );
}

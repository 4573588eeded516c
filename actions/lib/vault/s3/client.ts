import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../../base/flow/retry.ts";
import { openTransport, type Transport, type TransportSettings } from "../../s3/transport.ts";
import { guarded } from "./guarded.ts";
import {
  type GetOptions,
  getObject,
  headObject,
  type Listed,
  listPages,
  type ObjectBody,
  type ObjectHead,
  type PutOptions,
  putObject,
  type Stored,
} from "./objects.ts";
import { openPartMemory, type PartMemory } from "./part-memory.ts";

export interface VaultSettings extends Omit<TransportSettings, "retry"> {
  readonly retry?: Partial<RetryPolicy>;
  /**
   * Bytes of stored parts that all transfers of this vault together keep in memory; default 32 MiB. Each transfer may
   * always hold one part, so that none waits for ever: with more transfers than fit, one part each.
   */
  readonly transferBytes?: number;
  /** The policy's regions: a bucket in any other is neither read nor written. Undefined: wherever it is. */
  readonly regions?: readonly string[] | undefined;
  /** Refuses whatever would change the bucket; false unless told. */
  readonly readOnly?: boolean | undefined;
}

/** One bucket of the owner's S3. */
export interface Vault {
  readonly bucket: string;
  readonly region: string;
  /** It is the replica, and stands in for the vault. */
  readonly readOnly?: boolean;
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<Stored>;
  /** @throws OperationError `s3-missing`, `s3-too-large` */
  get(key: string, options?: GetOptions): Promise<ObjectBody>;
  /** undefined when there is no such object. @param versionId default: the current version */
  head(key: string, versionId?: string | undefined): Promise<ObjectHead | undefined>;
  /** Every object below the prefix, in byte order. */
  list(prefix: string): AsyncIterable<Listed>;
  /** The store's clock, in whole seconds. */
  serverTime(): Promise<Date>;
  close(): void;
  [Symbol.dispose](): void;
  /** For the other files of vault/. */
  readonly transport: Transport;
  readonly memory: PartMemory;
}

/** @param settings as the AWS SDK reads them; credentials come from its default chain when not given */
export function openVault(settings: VaultSettings): Vault {
  const { bucket, region, readOnly = false } = settings;
  const transport = guarded(
    openTransport({ ...settings, retry: { ...defaultRetryPolicy, ...settings.retry } }),
    settings,
  );
  return {
    bucket,
    region,
    readOnly,
    transport,
    memory: openPartMemory(settings.transferBytes ?? 32 * 1024 * 1024),
    put: (key, body, options) => putObject(transport, key, body, options),
    get: (key, options) => getObject(transport, key, options),
    head: (key, versionId) => headObject(transport, key, versionId),
    async *list(prefix) {
      for await (const { objects } of listPages(transport, prefix)) yield* objects;
    },
    async serverTime() {
      const date = await transport.request({ operation: "HeadBucket" }, async ({ client, bucket, watch }) =>
        transport.dateOf(await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: watch.signal })),
      );
      if (date === undefined) throw new OperationError("s3-no-clock", `bucket ${bucket}: the store tells no time`);
      return date;
    },
    close: () => transport.close(),
    [Symbol.dispose]: () => transport.close(),
  };
}

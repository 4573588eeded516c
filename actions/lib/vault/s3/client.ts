import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../../base/flow/retry.ts";
import { assertRegionAllowed } from "../../config/vault-location.ts";
import { openTransport, type Transport, type TransportSettings } from "../../s3/transport.ts";
import { regionOf } from "./bucket-facts.ts";
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

export interface VaultSettings extends Omit<TransportSettings, "retry"> {
  readonly retry?: Partial<RetryPolicy>;
  /**
   * Bytes of stored parts that all transfers of this vault together keep in memory; default 32 MiB. Each transfer may
   * always hold one part, so that none waits for ever: with more transfers than fit, one part each.
   */
  readonly transferBytes?: number;
  /** The policy's regions: a bucket in any other is neither read nor written. Undefined: wherever it is. */
  readonly regions?: readonly string[] | undefined;
  /** Refuses whatever would change the bucket; default: false. */
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

/**
 * The same transport, which asks a bucket for nothing, and sends it nothing, before it has said that it is where the policy allows
 * data to be; where it names no region, the configured one counts. That costs one request a run. A bucket that stands in for the
 * vault is only read.
 * @throws ConfigurationError `region-refused`, `read-only`, from each request
 */
function guarded(
  transport: Transport,
  { regions, readOnly = false }: Pick<VaultSettings, "regions" | "readOnly">,
): Transport {
  if (regions === undefined && !readOnly) return transport;
  return {
    ...transport,
    async request(request, attempt) {
      if (readOnly && !reads.test(request.operation)) throw writeRefused(transport.bucket, request.operation);
      if (regions !== undefined && !asksPlace.test(request.operation)) await admit(transport, regions);
      return await transport.request(request, attempt);
    },
  };
}

const asksPlace = /^(?:HeadBucket|GetBucketLocation)$/;
/** A thaw leaves the object as it is, and a copy of it beside it for some days. */
const reads = /^(?:Get|Head|List|Restore)/;

/** @throws ConfigurationError `region-refused`, and what `regionOf` throws */
async function admit(transport: Transport, regions: readonly string[]): Promise<void> {
  const place = await regionOf(transport);
  assertRegionAllowed(place.state === "known" ? place.value : transport.region, regions, `Bucket ${transport.bucket}`);
}

function writeRefused(bucket: string, operation: string): ConfigurationError {
  return new ConfigurationError(
    "read-only",
    `${operation} would change bucket ${bucket}, which stands in for the vault and is only read`,
    "Run it without `--from replica`.",
  );
}

/** A share of the process's memory for stored parts, divided among all transfers of a vault. */
export interface PartMemory {
  /** A transfer joins; it may always hold one buffer, and more while the budget lasts. */
  join(): Shareholder;
}

interface Shareholder {
  /** A buffer of exactly `bytes` bytes with old content, as soon as one may be had. */
  take(bytes: number, signal?: AbortSignal): Promise<Buffer>;
  give(buffer: Buffer): void;
  [Symbol.dispose](): void;
}

interface Holder {
  held: number;
  /** Bytes of the one buffer that is always kept free for it. */
  own: number;
}

interface Wait {
  readonly holder: Holder;
  readonly bytes: number;
  readonly grant: () => void;
}

/** Takes the smallest of the spare buffers that is large enough; parts that end an object are of any size. */
function fitting(spare: Buffer[], bytes: number): Buffer | undefined {
  let best = -1;
  for (const [index, { byteLength }] of spare.entries()) {
    if (byteLength >= bytes && (best < 0 || byteLength < (spare[best]?.byteLength ?? 0))) best = index;
  }
  return best < 0 ? undefined : spare.splice(best, 1)[0];
}

/** @param budget bytes */
export function openPartMemory(budget: number): PartMemory {
  let used = 0;
  const holders = new Set<Holder>();
  const waiting = new Set<Wait>();
  // Whole buffers, used again as long as the vault is open: new ones of this size come faster than old ones are collected.
  const spare: Buffer[] = [];

  const promised = () => [...holders].reduce((sum, { held, own }) => sum + Math.max(held, own), 0);
  const mayHave = ({ holder, bytes }: Wait) => holder.held === 0 || promised() + bytes <= budget;
  const claim = (wait: Wait) => {
    const whole = fitting(spare, wait.bytes) ?? Buffer.allocUnsafeSlow(wait.bytes);
    used += whole.byteLength;
    wait.holder.held += whole.byteLength;
    trim();
    return whole.byteLength === wait.bytes ? whole : whole.subarray(0, wait.bytes);
  };
  const trim = () => {
    while (spare.length > 0 && used + spare.reduce((sum, { byteLength }) => sum + byteLength, 0) > budget)
      spare.shift();
  };
  const wake = () => {
    for (const wait of waiting) if (mayHave(wait)) wait.grant();
  };

  return {
    join() {
      const holder: Holder = { held: 0, own: 0 };
      holders.add(holder);
      return {
        take(bytes, signal) {
          return new Promise((resolve, reject) => {
            if (signal?.aborted) return reject(signal.reason);
            holder.own = bytes;
            const onAbort = () => {
              waiting.delete(wait);
              reject(signal?.reason);
            };
            const grant = () => {
              waiting.delete(wait);
              signal?.removeEventListener("abort", onAbort);
              resolve(claim(wait));
            };
            const wait: Wait = { holder, bytes, grant };
            if (mayHave(wait)) return grant();
            waiting.add(wait);
            signal?.addEventListener("abort", onAbort, { once: true });
          });
        },
        give(buffer) {
          const whole = buffer.byteLength === buffer.buffer.byteLength ? buffer : Buffer.from(buffer.buffer);
          used -= whole.byteLength;
          holder.held -= whole.byteLength;
          spare.push(whole);
          trim();
          wake();
        },
        [Symbol.dispose]() {
          holders.delete(holder);
          wake();
        },
      };
    },
  };
}

import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import type { Vault } from "../s3/client.ts";
import type { ObjectBody, Stored } from "../s3/objects.ts";
import { isMissing } from "../s3/store-errors.ts";
import { versionPages } from "../s3/versions.ts";
import { holderProcessSchema } from "./holder.ts";

const leaseSchema = z.object({
  format: z.literal("lifeboat-lease/1"),
  state: z.enum(["held", "released"]),
  holder: z.string().max(500),
  process: holderProcessSchema,
  /** When it was taken, by the store's clock, ISO 8601. */
  since: z.string().max(40),
  ttlSeconds: z.number().positive().max(86_400),
  /** Makes every write a different one, and so every ETag. */
  renewals: z.number().int(),
  token: z.string().max(100),
  /** Of a lease that the jobs of one run hand on to each other: which run. No process that ends gives it up. */
  run: z.string().max(200).optional(),
});
export type LeaseRecord = z.infer<typeof leaseSchema>;

export interface SeenLease {
  readonly record: LeaseRecord;
  readonly etag: string;
  readonly versionId: string | undefined;
  /** Seconds since the last renewal, both ends by the store's clock. */
  readonly ageSeconds: number;
  /** Somebody deleted it, which its holders never do: it counts as it was, and is written anew instead of replaced. */
  readonly hidden: boolean;
}

/** On what a lease that was seen like this may be written: that it is what was seen. */
export function conditionOn(seen: SeenLease | undefined): { ifMatch: string } | { ifNoneMatch: true } {
  return seen === undefined || seen.hidden ? { ifNoneMatch: true } : { ifMatch: seen.etag };
}

/** Writes the lease on a condition, and gives up soon enough for another try within its TTL. */
export function writeLease(
  vault: Vault,
  key: string,
  record: LeaseRecord,
  condition: { ifMatch: string } | { ifNoneMatch: true },
): Promise<Stored> {
  const seconds = Math.max(1, record.ttlSeconds / 3);
  return vault.put(key, Buffer.from(`${JSON.stringify(record, null, 2)}\n`), {
    ...condition,
    contentType: "application/json",
    retry: { totalSeconds: seconds / 2, attemptSeconds: seconds / 2, stallSeconds: seconds / 2 },
  });
}

/** @returns undefined when nobody ever held it @throws ConfigurationError `lease-unreadable` */
export async function readLease(vault: Vault, key: string): Promise<SeenLease | undefined> {
  const unreadable = (why: string) =>
    new ConfigurationError(
      "lease-unreadable",
      `${key} in bucket ${vault.bucket} ${why}`,
      "Find out who wrote it. When no backup is running, delete it.",
    );
  const current = await readIfThere(vault, key);
  const found = current ?? (await readHidden(vault, key));
  if (found === undefined) return undefined;
  const { body, etag, versionId, lastModified, serverDate } = found;
  if (lastModified === undefined || serverDate === undefined) throw unreadable("comes without the store's time");
  const parsed = leaseSchema.safeParse(parseJson(body));
  if (!parsed.success) throw unreadable("is not a lease");
  const ageSeconds = (serverDate.getTime() - lastModified.getTime()) / 1000;
  return { record: parsed.data, etag, versionId, ageSeconds, hidden: current === undefined };
}

async function readIfThere(vault: Vault, key: string, versionId?: string): Promise<ObjectBody | undefined> {
  return vault.get(key, { maxBytes: 16_384, versionId }).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/** A delete marker over a lease must not make it look free. Of its versions the newest counts. */
async function readHidden(vault: Vault, key: string): Promise<ObjectBody | undefined> {
  for await (const { versions } of versionPages(vault.transport, key)) {
    const newest = versions.find((version) => version.key === key && !version.marker);
    if (newest !== undefined) return readIfThere(vault, key, newest.versionId);
  }
  return undefined;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The holder in words. */
export function describeHolder({ holder, process }: LeaseRecord): string {
  return `${holder} (process ${process.pid} on ${process.host})`;
}

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { isMissing } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";
import type { ObjectBody, Stored } from "../s3/objects.ts";
import { versionPages } from "../s3/versions.ts";

/** A process, so exactly that another one on the same machine can tell whether it still runs. */
const holderProcessSchema = z.object({
  host: z.string().max(255),
  pid: z.number().int(),
  /** Boot of the machine and namespace of the pid; null where the system doesn't tell. */
  boot: z.string().max(200).nullable(),
  /** Start of the process in clock ticks since boot: a pid is used again, a pid with its start is not. */
  started: z.string().max(40).nullable(),
});
type HolderProcess = z.infer<typeof holderProcessSchema>;

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
  const { body, etag, lastModified, serverDate } = found;
  if (lastModified === undefined || serverDate === undefined) throw unreadable("comes without the store's time");
  const parsed = leaseSchema.safeParse(parseJson(body));
  if (!parsed.success) throw unreadable("is not a lease");
  const ageSeconds = (serverDate.getTime() - lastModified.getTime()) / 1000;
  return { record: parsed.data, etag, ageSeconds, hidden: current === undefined };
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

export function thisProcess(): HolderProcess {
  return { host: hostname(), pid: process.pid, boot: bootAndNamespace(), started: startOf(process.pid) };
}

/**
 * True only when the holder ran on this machine, since its last boot and in our pid namespace, and does not run any more:
 * then nobody needs to wait for the lease to run out. Anything uncertain is false.
 */
export function holderIsGone(holder: HolderProcess): boolean {
  const boot = bootAndNamespace();
  if (boot === null || holder.started === null || holder.boot !== boot || holder.host !== hostname()) return false;
  return startOf(holder.pid) !== holder.started;
}

function bootAndNamespace(): string | null {
  try {
    // Of Linux: see proc(5) and pid_namespaces(7).
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return null;
  }
}

/** null when there is no such process, or the system doesn't tell; a process that waits to be reaped counts as gone. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in brackets may hold anything, so count from its end: state is field 3, the start field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

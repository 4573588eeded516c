import { ConfigurationError } from "../../base/errors.ts";
import type { Vault } from "../s3/client.ts";
import { isConditionFailed } from "../s3/store-errors.ts";
import { holderIsGone, thisProcess } from "./holder.ts";
import { holdLease, type Lease } from "./keeper.ts";
import { conditionOn, describeHolder, type LeaseRecord, readLease, writeLease } from "./record.ts";

export type { Lease } from "./keeper.ts";

export interface LeaseOptions {
  /** Seconds without renewal after which others may take over; default 60. Renewed three times in that time. */
  readonly ttlSeconds?: number;
  /** Who wants it, in words for people, e.g. `weekly backup, run 123`. */
  readonly holder: string;
}

/**
 * Takes the lease or says who has it. Only the store decides: each write is conditional on the last one seen, and the age of
 * a lease is the difference of two times of the store's own clock.
 * @throws ConfigurationError `lease-held` (names holder and since when)
 */
export async function acquireLease(vault: Vault, name: string, options: LeaseOptions): Promise<Lease> {
  const key = `leases/${name}.json`;
  const ttlSeconds = options.ttlSeconds ?? 60;
  const now = await readLease(vault, key);
  if (now !== undefined && !mayTakeOver(now.record, now.ageSeconds)) throw heldError(name, now.record, now.ageSeconds);
  const since = (await vault.serverTime()).toISOString();
  const record: LeaseRecord = {
    format: "lifeboat-lease/1",
    state: "held",
    holder: options.holder,
    process: thisProcess(),
    since,
    ttlSeconds,
    renewals: 0,
    token: crypto.randomUUID(),
  };
  try {
    const stored = await writeLease(vault, key, record, conditionOn(now));
    return holdLease(vault, name, key, record, stored);
  } catch (error) {
    if (!isConditionFailed(error)) throw error;
    const winner = await readLease(vault, key);
    throw heldError(name, winner?.record, winner?.ageSeconds ?? 0);
  }
}

export function mayTakeOver(record: LeaseRecord, ageSeconds: number): boolean {
  if (record.state === "released" || ageSeconds > record.ttlSeconds) return true;
  return record.run === undefined && holderIsGone(record.process);
}

export function heldError(name: string, record: LeaseRecord | undefined, ageSeconds: number): ConfigurationError {
  const who = record ? `${describeHolder(record)} since ${record.since}, renewed ${ageSeconds} s ago` : "somebody else";
  return new ConfigurationError(
    "lease-held",
    `Another operation works on this vault: ${name} is held by ${who}`,
    `Wait until it is done. If it was killed, the lease runs out ${record?.ttlSeconds ?? 60} s after its last renewal.`,
  );
}

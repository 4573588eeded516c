import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { isConditionFailed } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";
import type { Stored } from "../s3/objects.ts";
import {
  conditionOn,
  describeHolder,
  holderIsGone,
  type LeaseRecord,
  readLease,
  thisProcess,
  writeLease,
} from "./record.ts";

interface LeaseOptions {
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

/** A lock in the vault, for what must not run twice. */
export interface Lease {
  /** Aborted with OperationError `lease-lost` as soon as we know that it is no longer ours. */
  readonly lost: AbortSignal;
  /** Renews, and so proves that it is ours for another whole TTL. @throws OperationError `lease-lost` */
  assertHeld(): Promise<void>;
  /** Gives it back. Never throws: a lease that could not be given back runs out. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const lostError = (name: string, why: string) =>
  new OperationError(
    "lease-lost",
    `The lease ${name} is no longer ours: ${why}`,
    "Somebody else works on this vault now; run again when they are done.",
  );

/**
 * Keeps a lease that has just been written, until it is released or lost. In a versioned bucket every renewal leaves a
 * version, which retention removes: whoever holds a lease need not be allowed to delete.
 */
function holdLease(vault: Vault, name: string, key: string, first: LeaseRecord, stored: Stored): Lease {
  const lost = new AbortController();
  const ttlMillis = first.ttlSeconds * 1000;
  let record = first;
  let last = stored;
  let renewed = stopwatch();
  let ended = false;
  let queue: Promise<void> = Promise.resolve();
  let waiting = 0;

  /** One conditional write after the other; each names the ETag of the one before. */
  const write = (state: LeaseRecord["state"]): Promise<void> => {
    waiting++;
    const turn = queue.then(async () => {
      lost.signal.throwIfAborted();
      const asked = stopwatch();
      record = { ...record, state, renewals: record.renewals + 1 };
      try {
        last = await writeLease(vault, key, record, { ifMatch: last.etag });
      } catch (error) {
        if (isConditionFailed(error)) lost.abort(lostError(name, "somebody else has taken it over"));
        else if (renewed() > ttlMillis) lost.abort(lostError(name, "it could not be renewed in time"));
        throw lost.signal.aborted ? lost.signal.reason : error;
      }
      renewed = asked;
    });
    queue = turn.catch(() => {}).finally(() => void waiting--);
    return turn;
  };

  const timer = setInterval(() => {
    if (waiting === 0 && !lost.signal.aborted) write("held").catch(() => {});
  }, ttlMillis / 3);
  timer.unref();

  const release = async () => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    await write("released").catch(() => {});
  };
  return {
    lost: lost.signal,
    async assertHeld() {
      if (ended) throw lostError(name, "it has been given back");
      await write("held");
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** Milliseconds since now: of two clocks the one that ran more, as one of them may stand still while a machine sleeps. */
function stopwatch(): () => number {
  const wall = Date.now();
  const steady = performance.now();
  return () => Math.max(Date.now() - wall, performance.now() - steady);
}

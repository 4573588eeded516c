import { OperationError } from "../../base/errors.ts";
import { withRetries } from "../../base/flow/retry.ts";
import { isConditionFailed } from "../../s3/store-errors.ts";
import type { Vault } from "../s3/client.ts";
import { heldError, type Lease, mayTakeOver } from "./lease.ts";
import { conditionOn, type LeaseRecord, readLease, type SeenLease, thisProcess, writeLease } from "./record.ts";

interface RunLeaseOptions {
  /** Names the run; whoever says the same name shares the lease. */
  readonly run: string;
  /** Who wants it, in words for people. */
  readonly holder: string;
  /** Seconds after the last renewal of any job of the run after which others may take over; default 1800. */
  readonly ttlSeconds?: number;
}

/** A lease that all jobs of one run hold together. */
export interface RunLease extends Lease {
  /** Stops renewing and leaves it to the run's other jobs; it runs out when none of them takes it up. */
  leave(): void;
}

/** So many jobs may renew at the same moment; each that comes too late looks again. */
const crowded = { attempts: 20, baseMillis: 50, capMillis: 1000 };

/**
 * Takes a lease for a run of several jobs, or takes it up where a job of the same run has left it. Jobs renew it side by
 * side; between two jobs it lives on for its TTL, and longer when nobody else wants it.
 * @throws ConfigurationError `lease-held` (names holder and since when)
 */
export async function joinRunLease(vault: Vault, name: string, options: RunLeaseOptions): Promise<RunLease> {
  const key = `leases/${name}.json`;
  const { run, holder, ttlSeconds = 1800 } = options;
  const lost = new AbortController();
  let ended = false;

  const write = (state: LeaseRecord["state"], joining: boolean): Promise<void> => {
    const attempt = async (): Promise<void> => {
      const seen = await readLease(vault, key);
      const ours = isOurs(seen, run) ? seen?.record : undefined;
      if (ours === undefined && !joining) return giveUp(`it is held by ${seen?.record.holder ?? "nobody"} now`);
      if (ours === undefined && seen !== undefined && !mayTakeOver(seen.record, seen.ageSeconds)) {
        throw heldError(name, seen.record, seen.ageSeconds);
      }
      const since = ours?.since ?? (await vault.serverTime()).toISOString();
      const record: LeaseRecord = {
        ...{ format: "lifeboat-lease/1", state, holder, process: thisProcess(), since, ttlSeconds, run },
        ...{ renewals: (ours?.renewals ?? 0) + 1, token: crypto.randomUUID() },
      };
      await writeLease(vault, key, record, conditionOn(seen));
    };
    return withRetries(crowded, attempt, isConditionFailed, ({ error }) => error, lost.signal);
  };
  const giveUp = (why: string): never => {
    const text = `The lease ${name} is no longer this run's: ${why}`;
    lost.abort(new OperationError("lease-lost", text, "Start a new run when they are done."));
    throw lost.signal.reason;
  };

  await write("held", true);
  // A renewal that the store did not take is tried again at the next turn; when others have it by then, it is lost.
  const timer = setInterval(() => void write("held", false).catch(() => {}), (ttlSeconds * 1000) / 6);
  timer.unref();
  const leave = (): void => {
    ended = true;
    clearInterval(timer);
  };
  const release = async (): Promise<void> => {
    if (ended) return;
    leave();
    await write("released", false).catch(() => {});
  };
  return {
    lost: lost.signal,
    async assertHeld() {
      if (ended) return giveUp("it has been given back");
      await write("held", false);
    },
    leave,
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** Also when its time is over: as long as nobody else has taken it, nobody else has worked on the vault. */
function isOurs(seen: SeenLease | undefined, run: string): boolean {
  return seen !== undefined && seen.record.run === run && seen.record.state === "held";
}

import type { Client } from "pg";
import { OperationError } from "../../base/errors.ts";
import { type Stop, together } from "../../base/flow/bounded.ts";
import { attachSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { SourceAccess } from "./source-access.ts";

/** How often something is read: a connection that was lost costs what was read through it, and no more. */
const tries = 3;

/** Reads something through a session under the snapshot; `attempt` counts from 1. */
export type Reading = (client: Client, attempt: number) => Promise<void>;

/**
 * Reads one thing after the other under one snapshot, each lane through a session of its own, the next as soon as the one before has been
 * read. The only place that decides how many sessions there are, and what becomes of what a lost one was reading.
 *
 * @throws what a reading throws; OperationError `connection-lost` when it was lost again and again
 */
export async function readInLanes(
  source: SourceAccess,
  stop: Stop,
  snapshotId: string,
  queue: readonly Reading[],
): Promise<void> {
  const waiting = queue.map((read) => ({ read, attempt: 1 }));
  const lane = async (): Promise<void> => {
    let client: Client | undefined;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        stop.signal.throwIfAborted();
        client ??= await openReader(source, snapshotId);
        try {
          await next.read(client, next.attempt);
        } catch (error) {
          if (!isConnectionLost(error) || next.attempt === tries) throw error;
          source.log.info("The connection to the database was lost while rows were read; reading these again.");
          await source.hangUp(client);
          client = undefined;
          waiting.unshift({ read: next.read, attempt: next.attempt + 1 });
        }
      }
    } finally {
      if (client !== undefined) await source.hangUp(client);
    }
  };
  const lanes = Math.min(source.policy.jobs, queue.length);
  await together(
    stop,
    Array.from({ length: lanes }, () => lane),
  );
}

function isConnectionLost(error: unknown): boolean {
  return error instanceof OperationError && error.code === "connection-lost";
}

/** Rows come in the order in which they lie, read by this session alone: what a backup takes from the server is what it was given. */
const asTheyLie =
  "set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0; set local jit = off";

async function openReader(source: SourceAccess, snapshotId: string): Promise<Client> {
  const client = await source.session("rows");
  await attachSnapshot(client, snapshotId);
  await client.query(asTheyLie);
  return client;
}

import type { StageClock } from "../backup/stage-clock.ts";
import type { Stop } from "../backup/together.ts";
import type { StorageReady } from "../preflight/run-storage-preflight.ts";
import type { StorageEndpoint } from "../source/storage/endpoint.ts";
import type { Vault } from "../vault/client.ts";
import type { Lease } from "../vault/lease-keeper.ts";
import type { VerifySignature } from "../vault/signed-manifest.ts";
import type { StoredSnapshot } from "../vault/snapshot/snapshot-store.ts";
import type { HeldCopies } from "./held-copies.ts";
import type { Ledger } from "./ledger.ts";
import type { ListWriter } from "./list-writer.ts";
import type { ObjectStore } from "./object-store.ts";
import type { SyncRequest } from "./request.ts";
import type { RunKeys } from "./run-keys.ts";
import type { SyncSource } from "./source.ts";
import type { ListPlan } from "./sync-state.ts";
import type { Tally } from "./tally.ts";
import type { Unfinished } from "./unfinished.ts";

export interface SyncFacts {
  readonly request: SyncRequest;
  readonly set: string;
  readonly startedAt: Date;
  readonly vault: Vault;
  readonly ready: StorageReady;
  readonly verify: VerifySignature;
  readonly endpoint: StorageEndpoint;
  readonly lease: Lease;
  readonly source: SyncSource;
  readonly plan: ListPlan;
  /** The newest snapshot, also when nothing is compared with it. */
  readonly last: StoredSnapshot | undefined;
  /** Its copies of files that the source has lost, for a list that is begun anew. */
  readonly held: HeldCopies | undefined;
  readonly clock: StageClock;
  readonly warnings: string[];
  readonly alarms: string[];
}

/** A run that writes a snapshot. */
export interface Writing extends SyncFacts {
  readonly unfinished: Unfinished;
  readonly tally: Tally;
  readonly stop: Stop;
}

/** What it writes with. */
export interface Tools {
  readonly keys: RunKeys;
  readonly store: ObjectStore;
  readonly ledger: Ledger;
  readonly lists: ListWriter;
  /** What becomes known while files are copied. */
  readonly seen: { filesCopied: number; bytesCopied: bigint; renames: { count: number } };
}

import type { Stop } from "../../base/flow/bounded.ts";
import type { Stages } from "../../base/flow/stages.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import type { StoredSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import type { IncidentWatch } from "../../vault/incident/state.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { StorageReady } from "../check/run-storage-preflight.ts";
import type { HeldCopies } from "./copy/held-copies.ts";
import type { Ledger } from "./copy/ledger.ts";
import type { SyncRequest } from "./request.ts";
import type { SyncSource } from "./source/source.ts";
import type { Tally } from "./source/tally.ts";
import type { Unfinished } from "./store/journal.ts";
import type { ListWriter, ObjectStore, RunKeys } from "./store/object-store.ts";
import type { ListPlan } from "./sync-state.ts";

export interface SyncFacts {
  readonly request: SyncRequest;
  readonly set: string;
  readonly startedAt: Date;
  readonly vault: Vault;
  readonly ready: StorageReady;
  readonly verify: VerifySignature;
  readonly endpoint: ProjectFiles;
  readonly lease: Lease;
  readonly source: SyncSource;
  readonly plan: ListPlan;
  /** The newest snapshot, also when nothing is compared with it. */
  readonly last: StoredSnapshot | undefined;
  /** Its copies of files that the source has lost, for a list that is begun anew. */
  readonly held: HeldCopies | undefined;
  readonly incident: IncidentWatch;
  readonly stages: Stages;
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
  readonly seen: { filesCopied: number; bytesCopied: bigint; inheritedBytes: bigint; renames: { count: number } };
}

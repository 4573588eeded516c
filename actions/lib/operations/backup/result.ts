import type { StageTime } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { SyncConfig, SyncRequest, SyncResult } from "../sync/request.ts";
import type { SinceLast } from "./index-stage.ts";

/** What a finished backup tells about itself. Nothing in it is secret. */
export interface BackupResult {
  readonly set: string;
  readonly tier: Tier;
  readonly bucket: string;
  readonly prefix: string;
  readonly startedAt: string;
  readonly snapshotAt: string;
  readonly finishedAt: string;
  readonly retainUntil: string | null;
  /** Id of the incident that was on while it was made; null: none. */
  readonly incident: string | null;
  readonly counts: Manifest["counts"];
  /** What has changed much since the set before; null where there is none that it can be compared with. */
  readonly sinceLast: SinceLast | null;
  readonly artifacts: readonly {
    readonly name: string;
    readonly kind: string;
    readonly plainBytes: number;
    readonly storedBytes: number;
  }[];
  /** The files that were copied with it, when they were. */
  readonly files?: SyncResult;
  readonly stages: readonly StageTime[];
  readonly warnings: readonly string[];
  /** What somebody else did to the vault. Not empty: the run has failed, although its set is published. */
  readonly alarms: readonly string[];
}

/** What is asked of the copy of the files beside a backup. */
export type FileRequest = Omit<SyncRequest, "tier" | "within" | "signal" | "onListOpened"> & {
  readonly config: SyncConfig;
};

export interface BackupRequest {
  readonly tier: Tier;
  readonly config: Config<"source" | "vault" | "signing">;
  readonly log: Log;
  /** Calls the run off: children are ended, uploads aborted, nothing becomes visible. */
  readonly signal?: AbortSignal;
  /** The database was made smaller on purpose: the policy's bound on shrinkage only warns. */
  readonly acceptShrinkage?: boolean;
  /** Copies the files too, as they were at the set's own moment; set and files' snapshot name each other. */
  readonly files?: FileRequest;
  /** Signing keys of before, to compare with sets that were made under them. */
  readonly former?: readonly UnlockedKey[];
  /** The vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** Who runs it, for the lease, e.g. `backup, run 42`. */
  readonly holder?: string;
}

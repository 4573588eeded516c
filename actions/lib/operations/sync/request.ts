import type { StageTime } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { FileEntry, SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { FetchPatience } from "./source/fetch-file.ts";

export type SyncConfig = Config<"storageVault" | "sourceStorage" | "signing"> & Partial<Config<"source">>;

export interface SyncRequest {
  /** With `source`, the list comes from the database; without it, from the endpoint. */
  readonly config: SyncConfig;
  /** Retention as the database's sets of that tier. */
  readonly tier: Tier;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Compares with nothing and copies everything. */
  readonly full?: boolean;
  /** Also looks for files that have no row. */
  readonly audit?: boolean;
  /** Says what would be done and writes nothing. */
  readonly dryRun?: boolean;
  /** Files were removed on purpose: the policy's bound on what may vanish only warns. */
  readonly acceptShrinkage?: boolean;
  /** Former signing keys, and a recipient's: for lists that the present signing key does not open. */
  readonly formerSigning?: readonly UnlockedKey[];
  readonly opening?: UnlockedKey | undefined;
  /** An exported snapshot that the list is read under, and the database set that it belongs to. */
  readonly within?: {
    readonly snapshot: { readonly id: string; readonly takenAt: Date };
    readonly databaseSet: { readonly tier: Tier; readonly set: string };
  };
  /** Told when the list can be read without whoever exported the snapshot. */
  readonly onListOpened?: () => void;
  /** The id of the snapshot, when somebody has named it already. */
  readonly set?: string;
  /** One job of a divided copy: its share of what is to be copied. It leaves a journal and publishes nothing. */
  readonly part?: { has(file: Pick<FileEntry, "bucket" | "name">): boolean };
  /** The parts of a divided copy are in the vault: what is taken over from them was read from the source for this snapshot. */
  readonly inParts?: boolean;
  /** The vault and the lease, when the caller has them already. */
  readonly vault?: Vault;
  readonly lease?: Lease;
  readonly holder?: string;
  readonly patience?: FetchPatience;
}

/** What a sync tells about itself. Nothing in it is secret, and no file is named. */
export interface SyncResult {
  /** `rehearsed`: a dry run. `part`: one job of a divided copy, which publishes nothing. */
  readonly outcome: "published" | "rehearsed" | "part";
  readonly set: string;
  readonly bucket: string;
  /** Null for a first or full copy. */
  readonly previous: string | null;
  readonly databaseSet: SnapshotManifest["databaseSet"];
  readonly snapshotAt: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly list: "database" | "endpoint";
  /** In a dry run: what would be copied. */
  readonly counts: SnapshotManifest["counts"];
  readonly inBuckets: readonly {
    readonly bucket: string;
    readonly files: number;
    readonly bytes: number;
    readonly lost: number;
  }[];
  /** Why the run failed although its snapshot is published: findings that the policy does not accept. */
  readonly failure: string | null;
  readonly stages: readonly StageTime[];
  readonly warnings: readonly string[];
  /** What somebody else did to the vault. Not empty: the run has failed, although its snapshot is published. */
  readonly alarms: readonly string[];
}

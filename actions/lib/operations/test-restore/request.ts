import type { Client } from "pg";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { StoredProof } from "../../vault/sets/proof-store.ts";
import type { RestoreResult } from "../restore/result.ts";
import type { FurtherFindings } from "./further-checks.ts";
import type { SelectedSet } from "./select-set.ts";
import type { Marker } from "./staging/marker.ts";
import type { StagingPlace } from "./staging/staging.ts";

export type RestoreTestConfig = Config<"vault" | "opening" | "target">;

export interface RestoreTestRequest {
  readonly config: RestoreTestConfig;
  /** The vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** A set's id or `latest`; undefined: by turns. */
  readonly set?: string | undefined;
  readonly dryRun?: boolean;
  /** Do nothing when this month has a proof already, by the vault's clock. */
  readonly oncePerMonth?: boolean;
  /** Wait for Glacier, hours if need be; else an archive that is frozen is asked for and left for a later run. */
  readonly waitForThaw?: boolean;
  /** 8 hex digits; chosen by chance unless told. */
  readonly seed?: string | undefined;
  /** Instead of the policy's. */
  readonly keepHours?: number | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export function keepHours({ keepHours: told, config }: RestoreTestRequest): number {
  return told ?? config.policy.restoreTest.keepHours;
}

/** A test that has passed its gates. */
export interface AdmittedTest {
  readonly request: RestoreTestRequest;
  readonly place: StagingPlace;
  /** The session that holds staging for this run. */
  readonly client: Client;
  readonly marker: Marker;
  /** @throws ConfigurationError `staging-in-use` */
  readonly refuseInUse: () => Promise<void>;
  readonly vault: Vault;
  readonly prover: UnlockedKey;
  readonly selected: SelectedSet;
  readonly proofs: readonly StoredProof[];
  readonly seed: string;
}

/** What a restore of the selected set has shown. */
export interface FoundOut {
  readonly integrity: RestoreResult;
  readonly further: FurtherFindings | undefined;
  readonly restoreSeconds: number;
}

export function secondsSince(begun: number): number {
  return Math.round(performance.now() - begun) / 1000;
}

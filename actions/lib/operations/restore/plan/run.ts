import type { Client } from "pg";
import type { Stages } from "../../../base/flow/stages.ts";
import type { Log } from "../../../base/log.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import type { OpenSet } from "../../../vault/sets/open-set.ts";
import type { ErasuresKnown } from "../../erasures/open-erasures.ts";
import type { ProvenTarget, TargetFacts } from "../../target/target.ts";
import type { QuietPlan } from "../quiet/outbound.ts";
import type { Journal } from "../target/journal.ts";
import type { SchemaPlan } from "./plan.ts";

export interface RestoreTask {
  readonly open: OpenSet;
  /** Every stored byte that is needed has been found right; nothing is written before. */
  readonly whole: Promise<void>;
  /** Name of the target, as the policy has it. */
  readonly targetName: string;
  /** A new session at the target with the pinned settings. */
  readonly connect: () => Promise<Client>;
  /** Sessions that load, index and measure side by side. */
  readonly jobs: number;
  readonly dryRun: boolean;
  /** What was erased since the set was made, and has to go before anything is proven. */
  readonly erasures?: ErasuresKnown | undefined;
  /**
   * Brings in the files that belong to the rows, before anything of the user's could notice. Returns why rows of files
   * may be others than the set's, where the files are of another moment.
   */
  readonly bringFiles?: (() => Promise<string | undefined>) | undefined;
  /** Done in the target while it is proven and its notes are still there, so that the proof can be repeated. */
  readonly whileProven?: ((proven: ProvenTarget) => Promise<void>) | undefined;
  /**
   * Looks, and sees to it, that the target's disk has room, before any row comes. Returns what is to be said of it.
   * @param presentBytes size of the target's database now
   */
  readonly makeRoomOnDisk?: ((presentBytes: bigint) => Promise<string | undefined>) | undefined;
  /** Takes the marker of staging out of the target before anything else: what a person restores, they mean to use. */
  readonly unmark?: boolean;
  readonly log: Log;
  /** Hangs up all sessions at once when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** A restore that the gates have let in: what each of its phases works with. */
export interface Run {
  readonly task: RestoreTask;
  /** The set's. */
  readonly source: Inventory;
  /** The session that makes and settles everything; rows come in others. */
  readonly client: Client;
  readonly facts: TargetFacts;
  /** Why something of the target could not make room, by object key. */
  readonly failures: ReadonlyMap<string, string>;
  readonly quiet: QuietPlan;
  readonly schema: SchemaPlan;
  readonly journal: Journal;
  readonly stages: Stages;
}

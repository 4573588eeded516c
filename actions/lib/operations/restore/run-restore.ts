import { ConfigurationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { openingKey, trustedSigners, withVault } from "../../vault/configured.ts";
import { announceUse } from "../../vault/holds/uses.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { openSet, type SetRef } from "../../vault/sets/open-set.ts";
import { openErasures } from "../erasures/open-erasures.ts";
import { type Migrations, migrationsAfter } from "../migrate/migrate.ts";
import { makeRoomOnDisk } from "../target/room.ts";
import { targetConnector } from "../target/sessions.ts";
import { admitTarget } from "../target/whose.ts";
import { makeReadable, refuseDamaged } from "./gate/readable.ts";
import type { RestoreTask } from "./plan/run.ts";
import { restoreSet } from "./restore-set.ts";
import type { RestoreResult } from "./result.ts";

export interface RestoreRequest {
  readonly config: Config<"vault" | "opening" | "target">;
  /** The vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** Which set: its id, or `latest`. */
  readonly ref: SetRef;
  /** Only look: open the set, pass the gates, change nothing. */
  readonly dryRun?: boolean;
  /** Archived objects are asked for (tier Standard) and waited for, which may take hours. */
  readonly thaw?: boolean;
  /** See `RestoreTask`. */
  readonly whileProven?: RestoreTask["whileProven"];
  /** See `RestoreTask`. */
  readonly bringFiles?: RestoreTask["bringFiles"];
  /** A restore test: the target may be emptied again. */
  readonly staysStaging?: boolean;
  /** Applied to the target once it is restored and equal. */
  readonly migrations?: Migrations | undefined;
  /** Ref of the project that the set comes from, typed, when it is the target. */
  readonly production?: string | undefined;
  readonly log: Log;
  /** Calls the restore off; what is done stays noted in the target, and a later run takes it up. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a set of the vault and restores it into the configured target: see `restoreSet`.
 *
 * @throws ConfigurationError when set, key or target are refused: nothing was written
 * @throws OperationError when it broke on the way
 */
export async function runRestore(request: RestoreRequest): Promise<RestoreResult> {
  return withVault(request.vault, request.config.vault, (vault) => restore(request, vault));
}

async function restore(request: RestoreRequest, vault: Vault): Promise<RestoreResult> {
  const { config, ref, migrations, log, signal } = request;
  const { target, policy } = config;
  const signers = await trustedSigners(config);
  const keys = { trustedSigners: signers, privateKey: await openingKey(config) };
  const open = await openSet(vault, ref, { ...keys, passedOver: log.warn });
  const whose = await admitTarget({
    ...{ config, fromSet: open.manifest.source.projectRef, typed: request.production, log, signal },
    what: "the project that the backups come from",
  });
  if (whose.kind === "untold") log.warn(untoldWarning(target.name, policy.targets[target.name]?.env ?? "TARGET"));
  using _use =
    request.dryRun === true ? undefined : await announceUse(vault, { set: open.set, operation: "restore" }, log);
  await makeReadable(vault, open, request);
  await using whole = checkedBeside((both) => refuseDamaged(vault, open, signers, { log, signal: both }), signal);
  const bring = await whole.explains(migrationsAfter(open, migrations, config, { log, signal }));
  const erasures = await openErasures({
    ...{ config, vault, log, noted: open.manifest.erasures, privateKey: keys.privateKey },
  });
  const task: RestoreTask = {
    ...{ open, erasures },
    whole: whole.found,
    targetName: target.name,
    connect: targetConnector(config, "restore", { log, signal }),
    jobs: policy.source.jobs,
    dryRun: request.dryRun ?? false,
    whileProven: request.whileProven,
    bringFiles: request.bringFiles,
    unmark: request.staysStaging !== true,
    // A restore test has looked at staging's disk by itself, and never enlarges it.
    makeRoomOnDisk:
      request.staysStaging === true
        ? undefined
        : (presentBytes) =>
            makeRoomOnDisk({
              ...{ config, presentBytes, databaseBytes: BigInt(open.manifest.counts.databaseBytes) },
              ...{ dryRun: request.dryRun ?? false, log, signal },
            }),
    log,
    signal,
  };
  const restored = await whole.explains(restoreSet(task));
  return { ...restored, ...(await bring(restored.outcome)) };
}

interface Beside extends AsyncDisposable {
  /** Rejects when the set is damaged. */
  readonly found: Promise<void>;
  /** What else fails meanwhile may be the damage's doing, and is told as that; a refusal is not, and waits for nothing. */
  explains<T>(work: Promise<T>): Promise<T>;
}

/** Every stored byte is read while the set and the target are looked at. Disposing it calls it off. */
function checkedBeside(check: (signal: AbortSignal) => Promise<void>, signal: AbortSignal | undefined): Beside {
  const left = new AbortController();
  const found = check(signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]));
  found.catch(() => {}); // told by whoever waits for it
  return {
    found,
    async explains(work) {
      try {
        return await work;
      } catch (error) {
        if (!(error instanceof ConfigurationError)) await found;
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      left.abort();
      await found.catch(() => {});
    },
  };
}

/** See runbooks/decisions/0017: what is lost altogether names nobody, and an empty database has nothing to lose. */
function untoldWarning(name: string, prefix: string): string {
  return `Whether target ${name} is the project that the backups come from cannot be told: its settings name no project, and both databases could not be reached. It is admitted only if it is empty, or holds an unfinished restore of this set. ${prefix}_PROJECT_REF and SUPABASE_PROJECT_REF tell it.`;
}

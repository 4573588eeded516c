import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { readSnapshot, runFolders, type StoredSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import { syncLease } from "../../vault/format/names.ts";
import { type IncidentWatch, watchIncident } from "../../vault/incident/state.ts";
import { acquireLease, type Lease } from "../../vault/lease/lease.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { assertPassed } from "../check/check-row.ts";
import { runStoragePreflight, type StorageReady } from "../check/run-storage-preflight.ts";
import type { SyncRequest } from "./request.ts";
import { openDatabaseSource, openListedSource, type SyncSource } from "./source/source.ts";

export interface VaultState {
  /** The newest snapshot that can be trusted. */
  readonly newest: StoredSnapshot | undefined;
  /** Runs after it that never published: being made by others, or killed. Oldest first. */
  readonly unfinished: readonly string[];
  /** What somebody else did to the manifests of snapshots. */
  readonly alarms: readonly string[];
  readonly incident: IncidentWatch;
}

/** More than the jobs of a few divided copies leave: others are somebody's doing, and are not worth a look each. */
const mostUnfinished = 100;

/**
 * Looks for what a run begins with. Runs before the newest snapshot need no look: whatever they left, the run after them has
 * taken over or cleaned away.
 * @param ends checks the ends of incidents; as manifests by default
 */
export async function readVaultState(
  vault: Vault,
  verify: VerifySignature,
  log: Log,
  warnings: string[],
  ends: VerifySignature = verify,
): Promise<VaultState> {
  const unfinished: string[] = [];
  const [hidden, replaced]: [string[], string[]] = [[], []];
  let newest: StoredSnapshot | undefined;
  const incident = await watchIncident(vault, ends, log);
  for await (const { set: run, state, replaced: again, signed } of runFolders(vault)) {
    if (state === "hidden") hidden.push(run);
    if (again) replaced.push(run);
    if (newest !== undefined || state === "hidden") continue;
    if (state === "none") {
      unfinished.push(run);
      continue;
    }
    try {
      newest = await readSnapshot(vault, run, verify, signed);
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      if (error.code === "manifest-untrusted") {
        // It must be able neither to stop a sync nor to make one believe that nothing changed.
        warnings.push(`Snapshot ${run} is not compared with: ${error.message}`);
        log.warn(`Snapshot ${run} is not compared with: ${error.message}`);
      } else throw error;
    }
  }
  const alarms = [
    ...alarmOf(hidden, "hidden by delete markers", "snapshot"),
    ...alarmOf(replaced, "their manifests written again", "snapshot"),
  ];
  for (const alarm of alarms) log.warn(alarm);
  return { newest, unfinished: unfinished.slice(0, mostUnfinished).reverse(), alarms, incident };
}

/** Clocks of two runners may differ by so much; longer nobody waits. */
const longestWaitMillis = 5_000;

/**
 * A name that sorts after that of the newest snapshot. Names go by the second, and a sync without changes takes less: of two in
 * the same second nobody could tell which is the newer one.
 */
export async function nameRun(newest: string | undefined, longestMillis = longestWaitMillis): Promise<string> {
  const second = (set: string): string => set.split("-", 1)[0] ?? "";
  for (const begun = Date.now(); ; await sleep(50)) {
    const set = newSetId(new Date());
    if (newest === undefined || second(set) > second(newest) || Date.now() - begun > longestMillis) return set;
  }
}

export async function passPreflight(
  { config, log }: SyncRequest,
  vault: Vault,
  warnings: string[],
  signal: AbortSignal,
): Promise<StorageReady> {
  const { buckets } = config.policy.storage;
  const wanted = buckets === "all" ? undefined : buckets;
  return assertPassed(await runStoragePreflight({ config, vault, log, signal, buckets: wanted }), warnings, log);
}

export async function takeLease(request: SyncRequest, vault: Vault): Promise<Lease> {
  if (request.lease !== undefined) return borrowed(request.lease);
  const holder = request.holder ?? `sync of the files on ${hostname()}, process ${process.pid}`;
  return acquireLease(vault, syncLease, { holder });
}

/** A lease that the caller holds, and gives back. */
function borrowed(lease: Lease): Lease {
  const { lost } = lease;
  return { lost, assertHeld: () => lease.assertHeld(), async release() {}, async [Symbol.asyncDispose]() {} };
}

/** Whoever writes nothing needs none. */
export const nobodys: Lease = {
  lost: new AbortController().signal,
  async assertHeld() {},
  async release() {},
  async [Symbol.asyncDispose]() {},
};

export function openSource(request: SyncRequest, endpoint: ProjectFiles, signal: AbortSignal): Promise<SyncSource> {
  const { config, within, log } = request;
  const { buckets: wanted } = config.policy.storage;
  const buckets = wanted === "all" ? undefined : wanted;
  if (config.source === undefined) return openListedSource(endpoint, buckets, signal);
  return openDatabaseSource({ settings: config.source, buckets, snapshot: within?.snapshot, signal, log });
}

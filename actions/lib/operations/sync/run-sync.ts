import { hostname } from "node:os";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { Stop } from "../../base/flow/bounded.ts";
import { Stages } from "../../base/flow/stages.ts";
import { compactionThatPays } from "../../policy/storage-retention.ts";
import { signDetached, verifyDetached } from "../../seal/keys/signature.ts";
import { openEndpoint, type StorageEndpoint } from "../../storage/endpoint.ts";
import { syncLease } from "../../vault/format/names.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import { acquireLease } from "../../vault/lease/lease.ts";
import { openVault, type Vault } from "../../vault/s3/client.ts";
import { refusal } from "../check/check-row.ts";
import { runStoragePreflight, type StorageReady } from "../check/run-storage-preflight.ts";
import { runUpkeep, upkeepIsDue } from "../retention/run-retention.ts";
import { allowedEgress } from "./bounds.ts";
import { openHeldCopies } from "./copy/held-copies.ts";
import { nameRun } from "./name-run.ts";
import { readVaultState } from "./previous.ts";
import { rehearse } from "./rehearse.ts";
import type { SyncRequest } from "./request.ts";
import type { SyncResult } from "./result.ts";
import { openDatabaseSource, openListedSource, type SyncSource } from "./source/source.ts";
import { openTally } from "./source/tally.ts";
import { nothingInherited } from "./store/journal.ts";
import { settleUnfinished } from "./store/unfinished.ts";
import { keysOfLists, openLast, planList } from "./sync-state.ts";
import { writeSnapshot } from "./write-snapshot.ts";
import type { SyncFacts } from "./writing.ts";

/**
 * Brings the vault's state of the files up to the source's: reads the list, copies what is new, and publishes a signed
 * snapshot at last. When it throws, no snapshot has become visible; what was copied by then is kept for the next run.
 *
 * @throws ConfigurationError `preflight-failed`, `lease-held`, `index-key-foreign`: nothing was written
 * @throws OperationError names the stage
 */
export async function runSync(request: SyncRequest): Promise<SyncResult> {
  if (request.vault !== undefined) return sync(request, request.vault);
  using vault = openVault(request.config.storageVault);
  return await sync(request, vault);
}

async function sync(request: SyncRequest, vault: Vault): Promise<SyncResult> {
  const { config, log } = request;
  const policy = config.policy.storage;
  const stop = new Stop(request.signal);
  const stages = new Stages(log, stop.signal);
  const startedAt = new Date();
  const warnings: string[] = [];
  const ready = await stages.gate("preflight", () => passPreflight(request, vault, warnings, stop.signal));
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, ready.keys.signers);
  using endpoint = openEndpoint(config.sourceStorage, policy.concurrency + 4);
  await using lease = request.dryRun === true ? nobodys : await stages.gate("lease", () => takeLease(request, vault));
  stop.on(lease.lost);
  const state = await stages.gate("vault", () => readVaultState(vault, verify, log, warnings));
  const { newest } = state;
  const alarms = [...state.alarms];
  const set = request.set ?? (await nameRun(state.unfinished.at(-1) ?? newest?.manifest.set));
  // What this snapshot takes over must be older by name, or the next run would clean it away as a leftover.
  const leftovers = state.unfinished.filter((run) => run < set);
  if (leftovers.length < state.unfinished.length) {
    log.warn("An unfinished run is later by its name than this one (a clock is ahead): it is left to a later run.");
  }
  const held = newest === undefined ? undefined : openHeldCopies(vault, newest, keysOfLists(vault, ready, request));
  const last =
    newest === undefined || request.full === true
      ? undefined
      : await stages.gate("last snapshot", () => openLast(vault, newest, ready, request));
  await using source = await stages.gate("list", () => openSource(request, endpoint, stop.signal));
  request.onListOpened?.();
  const compaction = compactionThatPays(policy.upkeep, config.policy.tiers);
  const plan = await stages.write("compare", () => planList(source, last, ready.signing.fingerprint, compaction));
  const facts = { request, set, startedAt, vault, ready, verify, endpoint, lease, source, plan, last: newest, held };
  if (request.dryRun === true) {
    return await stages.write("rehearse", () => rehearse({ ...facts, stages, warnings, alarms }));
  }
  const unfinished =
    leftovers.length === 0
      ? { inheritance: nothingInherited, runs: [] }
      : await stages.write("leftovers", () =>
          settleUnfinished(vault, leftovers, ready.signing, lease, log, alarms, {
            lookOnly: request.part !== undefined,
            signal: stop.signal,
          }),
        );
  const tally = openTally(await allowedEgress(vault, verify, policy, startedAt));
  const result = await writeSnapshot({ ...facts, stages, warnings, alarms, unfinished, tally, stop });
  if (result.outcome === "published") await keepUp(facts, stages, warnings, alarms);
  return { ...result, stages: stages.taken };
}

/** Once a week. The snapshot is there, whatever comes of it. */
async function keepUp(
  { request, vault, ready, verify, lease }: Pick<SyncFacts, "request" | "vault" | "ready" | "verify" | "lease">,
  stages: Stages,
  warnings: string[],
  alarms: string[],
): Promise<void> {
  const { log, config } = request;
  const { bucketLocks } = ready;
  try {
    if (!(await upkeepIsDue(vault, verify))) return;
    const sign = (bytes: Uint8Array) => signDetached(bytes, ready.signing);
    const options = { vault, policy: config.policy, bucketLocks, verify, sign, lease, log };
    alarms.push(...(await stages.write("upkeep", () => runUpkeep(options))).alarms);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    warnings.push(`The files' vault could not be looked after: ${error.message}`);
    log.warn(`The files' vault could not be looked after: ${error.message}`);
  }
}

async function passPreflight(
  request: SyncRequest,
  vault: Vault,
  warnings: string[],
  signal: AbortSignal,
): Promise<StorageReady> {
  const { config, log } = request;
  const { buckets } = config.policy.storage;
  const { rows, ready } = await runStoragePreflight({
    ...{ config, vault, log, signal },
    buckets: buckets === "all" ? undefined : buckets,
  });
  for (const { check, status, found, next } of rows) {
    if (status !== "warn") continue;
    const text = `${check}: ${found}${next === undefined ? "" : ` → ${next}`}`;
    warnings.push(text);
    log.warn(text);
  }
  const refused = refusal(rows);
  if (refused !== undefined) throw refused;
  if (ready === undefined) throw new ConfigurationError("preflight-failed", "The preflight found no way to begin.");
  return ready;
}

async function takeLease(request: SyncRequest, vault: Vault): Promise<Lease> {
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
const nobodys: Lease = {
  lost: new AbortController().signal,
  async assertHeld() {},
  async release() {},
  async [Symbol.asyncDispose]() {},
};

function openSource(request: SyncRequest, endpoint: StorageEndpoint, signal: AbortSignal): Promise<SyncSource> {
  const { config, within, log } = request;
  const { buckets: wanted } = config.policy.storage;
  const buckets = wanted === "all" ? undefined : wanted;
  if (config.source === undefined) return openListedSource(endpoint, buckets, signal);
  return openDatabaseSource({ settings: config.source, buckets, snapshot: within?.snapshot, signal, log });
}

import { LifeboatError } from "../../base/errors.ts";
import { Stop } from "../../base/flow/bounded.ts";
import { Stages } from "../../base/flow/stages.ts";
import { compactionThatPays } from "../../policy/compaction.ts";
import { signDetached, verifyDetached } from "../../seal/keys/signature.ts";
import { openProjectFiles } from "../../storage/project-files.ts";
import { releaseVerifier, withVault } from "../../vault/configured.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { keepLocks, locksAreDue } from "../retention/locks.ts";
import { nameRun, nobodys, openSource, passPreflight, readVaultState, takeLease } from "./begin.ts";
import { openHeldCopies } from "./copy/held-copies.ts";
import { rehearse } from "./fill-lists.ts";
import type { SyncRequest, SyncResult } from "./request.ts";
import { allowedEgress, openTally } from "./source/tally.ts";
import { nothingLeft, settleUnfinished } from "./store/journal.ts";
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
  return withVault(request.vault, request.config.storageVault, (vault) => sync(request, vault));
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
  using endpoint = openProjectFiles(config.sourceStorage, { side: "source", connections: policy.concurrency + 4 });
  await using lease = request.dryRun === true ? nobodys : await stages.gate("lease", () => takeLease(request, vault));
  stop.on(lease.lost);
  const ends = await releaseVerifier(config);
  const state = await stages.gate("vault", () => readVaultState(vault, verify, log, warnings, ends));
  const { newest, incident } = state;
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
  const pays = compactionThatPays(policy.retention, config.policy.tiers);
  // What is copied anew leaves what retention then removes.
  const compaction = incident.on ? { ...pays, compactBelowShare: 0 } : pays;
  if (incident.on)
    warnings.push("No pack is copied anew (compaction): an incident is on, and nothing is to be forgotten.");
  const plan = await stages.write("compare", () => planList(source, last, ready.signing.fingerprint, compaction));
  const facts = {
    request,
    set,
    startedAt,
    vault,
    ready,
    verify,
    endpoint,
    lease,
    source,
    plan,
    last: newest,
    held,
    incident,
  };
  if (request.dryRun === true) {
    return await stages.write("rehearse", () => rehearse({ ...facts, stages, warnings, alarms }));
  }
  const unfinished =
    leftovers.length === 0
      ? nothingLeft
      : await stages.write("leftovers", () =>
          settleUnfinished(vault, leftovers, ready.signing, lease, log, alarms, {
            readOnly: request.part !== undefined,
            // What an unfinished upload has left may tell something.
            keepUploads: incident.on,
            signal: stop.signal,
          }),
        );
  const tally = openTally(await allowedEgress(vault, verify, policy, startedAt));
  const result = await writeSnapshot({ ...facts, stages, warnings, alarms, unfinished, tally, stop });
  if (result.outcome === "published") await lookAtLocks(facts, stages, warnings, alarms);
  return { ...result, stages: stages.taken };
}

/** Once a week. The snapshot is there, whatever comes of it. */
async function lookAtLocks(
  { request, vault, ready, verify }: Pick<SyncFacts, "request" | "vault" | "ready" | "verify">,
  stages: Stages,
  warnings: string[],
  alarms: string[],
): Promise<void> {
  const { log, config } = request;
  const { bucketLocks } = ready;
  try {
    if (!(await locksAreDue(vault, verify))) return;
    const sign = (bytes: Uint8Array) => signDetached(bytes, ready.signing);
    const options = { vault, policy: config.policy, bucketLocks, verify, sign, log };
    alarms.push(...(await stages.write("locks", () => keepLocks(options))).alarms);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    warnings.push(`The locks of the files' vault could not be looked after: ${error.message}`);
    log.warn(`The locks of the files' vault could not be looked after: ${error.message}`);
  }
}

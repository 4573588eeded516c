import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { standstill } from "../../policy/retention.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import { backupLease, syncLease } from "../../vault/format/names.ts";
import { openHoldGate } from "../../vault/holds/gate.ts";
import { describeIncident, incidentGate, readIncident } from "../../vault/incident/state.ts";
import { acquireLease, type Lease } from "../../vault/lease/lease.ts";
import type { VerifyRelease, VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { trustedSnapshots } from "../../vault/standing.ts";
import { holdAlarms } from "./hold-alarms.ts";
import { nameOfSet } from "./read-sets.ts";
import { type FilesRetention, retainFiles } from "./retain-files.ts";
import { type DatabaseRetention, retainSets } from "./retain-sets.ts";
import { checkSafety, type Safety } from "./safety.ts";
import type { RetentionTools } from "./tools.ts";

export interface VaultsRetentionOptions {
  /** Null where there is none to look after. */
  readonly database: Vault | null;
  readonly files: Vault | null;
  readonly policy: Policy;
  readonly verify: VerifySignature;
  /** Checks proofs, against the provers' keys; without it no set counts as proven. */
  readonly verifyProof?: VerifySignature | undefined;
  /** Checks what lets go: ends of holds and of incidents (`releaseVerifier`). */
  readonly verifyRelease: VerifyRelease;
  readonly sign?: SignBytes | undefined;
  /** Looks, and changes nothing. */
  readonly dryRun: boolean;
  /** A set, or a snapshot of the files, that somebody asks about. */
  readonly explain?: string | undefined;
  readonly log: Log;
  /** This machine's clock, and the store's; default: what they say. */
  readonly now?: Date;
  readonly storeTime?: (vault: Vault) => Promise<Date>;
}

export interface VaultsRetention {
  readonly database: DatabaseRetention | null;
  readonly files: FilesRetention | null;
  /** Why nothing may be removed by what these buckets are like, and what to do; null: it is safe. */
  readonly refusal: Safety["refusal"];
  /** What the buckets' owner has to know. */
  readonly notes: readonly string[];
  /** What is wrong with the holds: the register, and each week another quarter of what is held. */
  readonly alarms: readonly string[];
}

export const nobody: VerifySignature = () => Promise.reject(new Error("no prover is trusted"));

/**
 * Everything that removes: whoever writes to the vaults, backups and syncs, may delete nothing there, and leaves to this what
 * has to go. Runs with a role of its own (`scripts/provision/access.yml`).
 *
 * Facts first, then one plan for each vault, then a short loop that asks before each removal. Sets are removed before
 * snapshots of the files: a snapshot that was made with a set that stays, stays.
 * @throws ConfigurationError `lease-held` while a backup or a sync is at work, `retention-terms`
 */
export async function applyRetention(options: VaultsRetentionOptions): Promise<VaultsRetention> {
  const { database, files, verify, verifyRelease, dryRun, now = new Date(), storeTime, log } = options;
  const vaults = [database, files].filter((vault) => vault !== null);
  // By bucket: both vaults may lie in one.
  const safety = new Map<string, Safety>();
  for (const vault of vaults)
    if (!safety.has(vault.bucket)) safety.set(vault.bucket, await checkSafety(vault, { ours: now, storeTime, dryRun }));
  const all = [...safety.values()];
  const refusal = all.find((one) => one.refusal !== null)?.refusal ?? null;
  const holds = await openHoldGate(vaults, verifyRelease);
  const incident = incidentGate(vaults, verifyRelease);
  const stop = refusal?.why ?? (await incidentNow(vaults, verifyRelease));
  for (const note of [...all.flatMap(({ notes }) => notes), ...(stop === null ? [] : [`Nothing is removed: ${stop}.`])])
    log.warn(note);
  const toolsOf = (vault: Vault, lease: Lease | null, why: string | null): RetentionTools => ({
    ...{
      policy: options.policy,
      verify,
      sign: options.sign,
      log,
      longer: 0,
      explain: options.explain,
    },
    verifyProof: options.verifyProof ?? nobody,
    ...{ vault, lease, holds, incident, stop: stop ?? why },
    bucketLocks: safety.get(vault.bucket)?.bucketLocks ?? false,
    now: safety.get(vault.bucket)?.now ?? now.getTime(),
  });
  const clock = safety.get(files?.bucket ?? "")?.now ?? now.getTime();
  const late = await failingSyncs(files, verify, options.policy, clock);
  for (const alarm of late.alarms) log.warn(alarm);
  const sets =
    database &&
    (await underLease(database, backupLease, dryRun, (lease) => retainSets(toolsOf(database, lease, late.why))));
  const snapshots =
    files &&
    (await underLease(files, syncLease, dryRun, (lease) =>
      retainFiles(toolsOf(files, lease, sets && standstill(sets.plan.facts)), {
        sets: sets && new Set(sets.staying.map(nameOfSet)),
        provenAt: sets?.plan.filesProvenAt ?? new Map(),
      }),
    ));
  return {
    ...{ database: sets, files: snapshots, refusal },
    notes: [...new Set(all.flatMap((one) => one.notes))],
    alarms: [
      ...late.alarms,
      ...(await holdAlarms({
        ...{ register: holds.register, verify, now, database, files },
        ...{ sets: sets?.removals ?? null, snapshots: snapshots?.removals ?? null },
      })),
    ],
  };
}

/** Why nothing may be removed now; null: no incident is on in any of the buckets. */
export async function incidentNow(vaults: readonly Vault[], verify: VerifyRelease): Promise<string | null> {
  for (const vault of vaults) {
    const state = await readIncident(vault, verify);
    if (state.on) return describeIncident(state);
  }
  return null;
}

/**
 * While the files' copies fail, no set of the database goes either: one read, before anything is planned. Where so much junk lies
 * over the newest snapshot that nobody finds it, they count as failing.
 * @param now by the clock of the files' store, ms
 */
async function failingSyncs(
  files: Vault | null,
  verify: VerifySignature,
  { retention }: Policy,
  now: number,
): Promise<{ readonly why: string | null; readonly alarms: readonly string[] }> {
  if (files === null) return { why: null, alarms: [] };
  let buried = false;
  const gaveUp = (): void => {
    buried = true;
  };
  for await (const { snapshotAt } of trustedSnapshots(files, verify, { gaveUp })) {
    const days = Math.floor((now - Date.parse(snapshotAt)) / 86_400_000);
    // One of the future, by a machine whose clock was wrong, says nothing of how old the files' newest copy is.
    if (days < -1) continue;
    const late = days > retention.staleDays;
    return { why: late ? `the newest snapshot of the files is ${days} days old: syncs are failing` : null, alarms: [] };
  }
  if (!buried) return { why: null, alarms: [] };
  const why =
    "more snapshots without a trusted signature lie over the newest one than are read, so whether syncs fail cannot be told";
  return { why, alarms: [`ALARM: ${why}.`] };
}

async function underLease<Done>(
  vault: Vault,
  name: string,
  dryRun: boolean,
  work: (lease: Lease | null) => Promise<Done>,
): Promise<Done> {
  if (dryRun) return work(null);
  await using lease = await acquireLease(vault, name, { holder: `retention, process ${process.pid}` });
  return await work(lease);
}

import { LifeboatError } from "../../base/errors.ts";
import { standstill } from "../../policy/retention.ts";
import { filesPrefixes } from "../../vault/format/names.ts";
import { openHoldGate } from "../../vault/holds/gate.ts";
import { incidentGate } from "../../vault/incident/state.ts";
import { acquireLease, type Lease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { versionPages } from "../../vault/s3/versions.ts";
import { incidentNow, nobody, type VaultsRetention, type VaultsRetentionOptions } from "./apply-retention.ts";
import { holdAlarms } from "./hold-alarms.ts";
import { nameOfSet } from "./read-sets.ts";
import { lostFromVault, presentIn, readRemovalNotes, type VaultView, withVaultView } from "./replica-notes.ts";
import { retainFiles } from "./retain-files.ts";
import { retainSets } from "./retain-sets.ts";
import { checkSafety } from "./safety.ts";
import type { Following, RetentionTools } from "./tools.ts";

export interface ReplicaRetentionOptions extends VaultsRetentionOptions {
  readonly replica: Vault;
  /** Read alone: what it has stays in the replica too. */
  readonly database: Vault;
}

/** No other run works on the replica. The vault's own leases are none of its concern. */
const replicaLease = "replica-retention";

/**
 * Removes from the replica what the policy no longer keeps, by the same plan with longer terms, and of that only what the vault has no
 * more since so many days, by its own retention's word. A role of its own does it, which may delete nothing in the vault: a mistake or a
 * thief on one side leaves the other as it is. While the vault cannot be asked, nothing goes.
 * @throws ConfigurationError `lease-held` while another run is at work, `retention-terms`
 */
export async function applyReplicaRetention(options: ReplicaRetentionOptions): Promise<VaultsRetention> {
  const { replica, database, files, policy, verify, verifyRelease, dryRun, log } = options;
  const vaults = [database, ...(files === null ? [] : [files])];
  const safety = await checkSafety(replica, { ours: options.now ?? new Date(), storeTime: options.storeTime, dryRun });
  const afterDays = policy.replica.removedAfterDays;
  const present = await known(() => presentIn(database, files));
  const objects = await known(() => objectsOf(files));
  const announced = await known(() => readRemovalNotes(database, ...(files === null ? [] : [files])));
  const view: VaultView = {
    ...{ present: present.value ?? new Set(), removedAt: await readRemovalNotes(replica), afterDays, now: safety.now },
  };
  const everywhere = [replica, ...vaults];
  const stop = safety.refusal?.why ?? present.why ?? objects.why ?? (await incidentNow(everywhere, verifyRelease));
  for (const note of [...safety.notes, ...(stop === null ? [] : [`Nothing is removed: ${stop}.`])]) log.warn(note);
  const holds = withVaultView(await openHoldGate(present.why === null ? everywhere : [replica], verifyRelease), view);
  const incident = incidentGate(everywhere, verifyRelease);
  const following: Following = {
    hasObject: (key) => objects.value?.has(key) ?? true,
    async recordsBelow(prefix) {
      const keys = await Promise.all(vaults.map((vault) => keysBelow(vault, [prefix])));
      return new Set(keys.flatMap((some) => [...some]));
    },
  };
  const toolsOf = (lease: Lease | null): RetentionTools => ({
    ...{ policy, verify, log, longer: afterDays, following, explain: options.explain },
    ...{ vault: replica, lease, holds, incident, stop, bucketLocks: safety.bucketLocks, now: safety.now },
    verifyProof: options.verifyProof ?? nobody,
  });
  const inReplica = { database: replica, files: files && replica };
  const work = async (lease: Lease | null): Promise<VaultsRetention> => {
    const tools = toolsOf(lease);
    const sets = await retainSets(tools);
    const snapshots =
      files &&
      (await retainFiles(
        { ...tools, stop: standstill(sets.plan.facts) },
        { sets: new Set(sets.staying.map(nameOfSet)), provenAt: sets.plan.filesProvenAt },
      ));
    const there = [...sets.staying.map(({ set }) => set), ...(snapshots?.plan.stay.map(({ set }) => set) ?? [])];
    const alarms = [
      ...(await holdAlarms({
        ...{ register: holds.register, verify, now: new Date(safety.now), ...inReplica },
        ...{ sets: sets.removals, snapshots: snapshots?.removals ?? null },
      })),
      ...(present.why === null ? lostFromVault(view, announced.value, there) : []),
    ];
    return { database: sets, files: snapshots, refusal: safety.refusal, notes: safety.notes, alarms };
  };
  if (dryRun) return work(null);
  await using lease = await acquireLease(replica, replicaLease, { holder: `retention, process ${process.pid}` });
  return await work(lease);
}

/** What the vault says, or why it says nothing. */
async function known<T>(
  ask: () => Promise<T>,
): Promise<{ readonly value: T | undefined; readonly why: string | null }> {
  try {
    return { value: await ask(), why: null };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return {
      value: undefined,
      why: `the vault cannot be asked what it still has (${error.message.replace(/\.$/, "")})`,
    };
  }
}

async function objectsOf(files: Vault | null): Promise<ReadonlySet<string>> {
  return files === null ? new Set() : keysBelow(files, filesPrefixes);
}

/** Every key, whatever lies over it. */
async function keysBelow(vault: Vault, prefixes: readonly string[]): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (const prefix of prefixes)
    for await (const { versions } of versionPages(vault.transport, prefix))
      for (const { key, marker } of versions) if (!marker) keys.add(key);
  return keys;
}

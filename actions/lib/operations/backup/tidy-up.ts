import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import type { Environment } from "../../config/environment.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { lockObject } from "../../vault/bucket/lock.ts";
import { type Tier, tierSchema } from "../../vault/format/manifest.ts";
import { inspectKeysOfSets, lockPublished } from "../../vault/keys-lock.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import { findLeftovers } from "../../vault/published/leftovers.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type PublishedSet, setFolders } from "../../vault/sets/catalogue.ts";
import { firstOf, trustedSets } from "../../vault/standing.ts";
import { releaseReplicated } from "./earlier-sets.ts";

export interface TidyUp {
  readonly vault: Vault;
  readonly lease: Pick<Lease, "assertHeld">;
  readonly policy: Policy;
  readonly bucketLocks: boolean;
  /** An incident is on: what an unfinished upload has left may tell something, and is only counted. */
  readonly keepUploads?: boolean;
  readonly signers: readonly Signer[];
  readonly warnings: string[];
  /** What somebody else did to the vault: the run goes on, and fails at its end. */
  readonly alarms: string[];
  readonly log: Log;
  /** Names the replica, where there is one. */
  readonly env?: Environment;
}

/**
 * Puts in order what runs that died have left: unfinished uploads end, a published set that was not locked any more is
 * locked. Sets without manifest are told of: `lifeboat retention` removes them, with a role that may. Only under the lease.
 *
 * @returns every published set: the vault is looked through once in a backup, and nobody else publishes one meanwhile
 */
export async function tidyUp(options: TidyUp): Promise<readonly PublishedSet[]> {
  const { vault, lease, warnings, alarms, log } = options;
  await lease.assertHeld();
  const folders = await Array.fromAsync(setFolders(vault));
  const published = folders.filter(({ state }) => state !== "none");
  const warn = (text: string): void => {
    warnings.push(text);
    log.warn(text);
  };
  const { keepUploads = false } = options;
  const lookInto = async (tier: Tier): Promise<void> => {
    const ofTier = folders.filter((folder) => folder.tier === tier);
    const found = await findLeftovers(vault, `database/${tier}/`, keepUploads ? null : lease, { folders: ofTier });
    const { folders: left, unfinishedUploads, hidden, replaced, waiting } = found;
    const names = left.map(({ set }) => set).join(", ");
    if (left.length > 0) log.info(`Runs that died have left ${names} below database/${tier}/: retention removes it`);
    if (unfinishedUploads > 0) log.info(`${keepUploads ? "Left" : "Ended"} ${unfinishedUploads} unfinished uploads`);
    if (waiting > 0)
      warn(
        `${countOf(left.length + waiting, "folder")} below database/${tier}/ have no manifest: far more than runs that died leave. \`lifeboat retention\` removes them.`,
      );
    for (const alarm of [
      ...alarmOf(hidden, "hidden by delete markers", `${tier} set`),
      ...alarmOf(replaced, "their manifests written again", `${tier} set`),
    ]) {
      alarms.push(alarm);
      log.warn(alarm);
    }
    const among = published.filter((one) => one.tier === tier);
    await lockNewest(options, among).catch((error: unknown) => {
      if (!(error instanceof LifeboatError)) throw error;
      warn(`The newest ${tier} set could not be locked: ${error.message}`);
    });
  };
  const release = () =>
    releaseReplicated(options, published).catch((error: unknown) => {
      if (!(error instanceof LifeboatError)) throw error;
      warn(`Whether the archives are in the replica cannot be told, and they stay in Standard: ${error.message}`);
    });
  // None waits for another's answers, but that the keys of the newest set are looked at when it has been locked.
  await Promise.all([...tierSchema.options.map(lookInto), release()]);
  await lockKeys(options, published);
  return published;
}

/** The other locks end with the set; that of its keys rolls on. */
async function lockKeys(
  { vault, policy, bucketLocks, signers, alarms, log }: TidyUp,
  published: readonly PublishedSet[],
): Promise<void> {
  if (!bucketLocks) return;
  const { renewed, alarms: found } = await inspectKeysOfSets(vault, {
    tiers: policy.tiers,
    verify: (bytes, armored) => verifyDetached(bytes, armored, signers),
    published,
    renew: (key, until) => lockObject(vault, key, until),
  });
  if (renewed > 0) log.info(`Renewed the locks on the keys of ${countOf(renewed, "set")}`);
  for (const alarm of found) {
    alarms.push(alarm);
    log.warn(alarm);
  }
}

/** Only the newest of ours can lack its lock: the run after it would have put it on. */
async function lockNewest(
  { vault, policy, bucketLocks, signers }: TidyUp,
  among: readonly PublishedSet[],
): Promise<void> {
  const manifest = await firstOf(
    trustedSets(vault, (bytes, armored) => verifyDetached(bytes, armored, signers), { among, marked: "count" }),
  );
  if (manifest === undefined) return;
  await lockPublished(vault, manifest, policy, bucketLocks);
}

import type { Policy } from "../config/policy/policy.ts";
import { objectLockOf } from "./bucket/inspect.ts";
import type { Tier } from "./format/manifest.ts";
import { inspectKeysOfSets } from "./keys-lock.ts";
import type { VerifySignature } from "./published/signed-manifest.ts";
import type { Vault } from "./s3/client.ts";
import { provenSets } from "./sets/proof-store.ts";
import { firstFew, firstOf, trustedSets, trustedSnapshots } from "./trusted.ts";

/**
 * What the vault has now that can be trusted. The policy check, the daily summary and the pages of the reports all read this:
 * nothing counts there that no trusted key has signed.
 */
export interface VaultStanding {
  /** The newest sets, newest data first. */
  readonly sets: readonly StandingSet[];
  /** The proven set with the newest data, however old it is; null when there is none. */
  readonly proven: ProvenStanding | null;
  /** Restores that were measured, newest first. */
  readonly restores: readonly MeasuredRestore[];
  /** The newest snapshot of the files; null when the vault has none, undefined when it was not asked. */
  readonly files: { readonly at: string; readonly bytes: number } | null | undefined;
  /** What is wrong with the keys of sets, in words for people (`inspectKeysOfSets`); undefined where the bucket locks nothing. */
  readonly keys: readonly string[] | undefined;
  readonly bucket: string;
  /** Of the files; undefined when it was not asked. */
  readonly filesBucket: string | undefined;
  /** Whether these are all of its sets, not only the newest. */
  readonly complete: boolean;
}

export interface StandingSet {
  readonly set: string;
  readonly tier: Tier;
  /** ISO 8601. */
  readonly snapshotAt: string;
  readonly plainBytes: number;
  readonly rows: number;
  /** When the newest test that it passed ended; null when none is known. */
  readonly provenAt: string | null;
}

interface ProvenStanding {
  readonly set: string;
  readonly snapshotAt: string;
  readonly provenAt: string;
  readonly restoreSeconds: number;
}

export interface MeasuredRestore {
  readonly at: string;
  readonly set: string;
  readonly seconds: number;
  /** Of the set that was restored; null when not known any more. */
  readonly plainBytes: number | null;
}

/** Of the newest sets is told; the oldest of a month shows the pace at which the project grows. */
const newestSets = 60;

export interface StandingSources {
  readonly vault: Vault;
  /** The files' vault, where there is one. */
  readonly storage: Vault | undefined;
  /** Checks manifests. */
  readonly verify: VerifySignature;
  /** Checks proofs (`provenBy`). */
  readonly verifyProof: VerifySignature;
  /** Which sets are kept for how long, and locked. */
  readonly tiers: Policy["tiers"];
}

/** @throws LifeboatError when the vault cannot be asked */
export async function readStanding({
  vault,
  storage,
  verify,
  verifyProof,
  tiers,
}: StandingSources): Promise<VaultStanding> {
  const [manifests, proofs, files, keys] = await Promise.all([
    firstFew(trustedSets(vault, verify), newestSets),
    provenSets(vault, verifyProof),
    storage && firstOf(trustedSnapshots(storage, verify)).then((newest) => newest ?? null),
    keysOf(vault, tiers, verify),
  ]);
  const tested = new Map(proofs.map((one) => [`${one.tier}/${one.set}`, one]));
  const sets = manifests.map(
    ({ set, tier, snapshotAt, counts }): StandingSet => ({
      ...{ set, tier, snapshotAt, plainBytes: Number(counts.plainBytes), rows: Number(counts.rows) },
      provenAt: tested.get(`${tier}/${set}`)?.provenAt ?? null,
    }),
  );
  const bytesOf = new Map(sets.map(({ set, plainBytes }) => [set, plainBytes]));
  const restores = proofs.map(({ set, provenAt, proof }) => ({
    ...{ at: provenAt, set, seconds: proof.restoreSeconds, plainBytes: bytesOf.get(set) ?? null },
  }));
  const [newest] = proofs;
  return {
    sets: sets.sort((a, b) => descending(a.snapshotAt, b.snapshotAt)),
    proven:
      newest === undefined
        ? null
        : {
            ...{ set: newest.set, snapshotAt: newest.snapshotAt, provenAt: newest.provenAt },
            restoreSeconds: newest.proof.restoreSeconds,
          },
    restores: restores.sort((a, b) => descending(a.at, b.at)),
    files: files && { at: files.snapshotAt, bytes: Number(files.counts.bytes) },
    ...{ keys, bucket: vault.bucket, filesBucket: storage?.bucket },
    complete: manifests.length < newestSets,
  };
}

/** Where the bucket locks nothing, the preflight says so. */
async function keysOf(
  vault: Vault,
  tiers: Policy["tiers"],
  verify: VerifySignature,
): Promise<readonly string[] | undefined> {
  const lock = await objectLockOf(vault);
  if (lock.state !== "known" || !lock.value.enabled) return undefined;
  return (await inspectKeysOfSets(vault, { tiers, verify })).alarms;
}

function descending(a: string, b: string): number {
  return a < b ? 1 : a > b ? -1 : 0;
}

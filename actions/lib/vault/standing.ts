import type { Policy } from "../config/policy/policy.ts";
import { objectLockOf } from "./bucket/inspect.ts";
import { inspectReplica, type Watched } from "./bucket/replication.ts";
import { publishedSnapshots, readSnapshot } from "./files/snapshot-catalogue.ts";
import { type Manifest, setPrefix, type Tier } from "./format/manifest.ts";
import { runPrefixes } from "./format/names.ts";
import { type PlayedRecovery, playedRecoveries } from "./format/proof.ts";
import type { SnapshotManifest } from "./format/snapshot-manifest.ts";
import { readHoldAlarms } from "./holds/check.ts";
import { type Incident, readIncident } from "./incident/state.ts";
import { inspectKeysOfSets } from "./keys-lock.ts";
import type { Publication } from "./published/publications.ts";
import { describeInOrder, type Published } from "./published/set-folders.ts";
import { believed, type VerifyRelease, type VerifySignature } from "./published/signed-manifest.ts";
import type { Vault } from "./s3/client.ts";
import { type PublishedSet, publishedSets, readSet } from "./sets/catalogue.ts";
import { provenSets, readProofs } from "./sets/proof-store.ts";

/**
 * Manifests that are read and cannot be trusted before the search is given up: somebody can lay any number of them, of any
 * size, over the ones that count. To have found none makes things look worse, never better.
 */
const mostUntrusted = { manifests: 1000, bytes: 256 * 1024 * 1024 } as const;

interface TrustedOptions {
  /**
   * `count`: also those that were made while an incident was on, for who asks what was done. By default they are passed over: what
   * the incident is about may be in them, and none of them is the newest good one.
   */
  readonly marked?: "count";
  /** Told of each that is passed over, and why. Hidden ones are passed over unread. */
  readonly passedOver?: (name: string, problem: string) => void;
  /** Told when the search ended before all was looked at: what comes after so much junk nobody knows. */
  readonly gaveUp?: () => void;
}

interface TrustedAmong {
  /** Default: all. */
  readonly tier?: Tier | undefined;
  /** Published sets that somebody has looked up already, newest first; instead of those of a tier. */
  readonly among?: Published<PublishedSet>;
}

/**
 * What the vault has of database sets, newest first: those alone whose manifest a trusted key has signed for this very place.
 * The one way to ask for "the newest": whoever asks reads as far as it must.
 */
export function trustedSets(
  vault: Vault,
  verify: VerifySignature,
  { tier, among = publishedSets(vault, tier), ...options }: TrustedOptions & TrustedAmong = {},
): AsyncGenerator<Manifest, void, undefined> {
  const read = async (found: PublishedSet) =>
    (await readSet(vault, found.tier, found.set, verify, found.signed)).manifest;
  return trusted(among, read, ({ tier, set }) => `Set ${set} (${tier})`, options);
}

/** The same of the snapshots of the files. */
export function trustedSnapshots(
  vault: Vault,
  verify: VerifySignature,
  options: TrustedOptions = {},
): AsyncGenerator<SnapshotManifest, void, undefined> {
  const read = async ({ set, signed }: Publication) => (await readSnapshot(vault, set, verify, signed)).manifest;
  return trusted(publishedSnapshots(vault), read, ({ set }) => `Snapshot ${set}`, options);
}

/** The first of them; undefined when there is none. */
export async function firstOf<Found>(found: AsyncGenerator<Found, void, undefined>): Promise<Found | undefined> {
  return (await firstFew(found, 1))[0];
}

/** So many of them at most. */
export async function firstFew<Found>(found: AsyncGenerator<Found, void, undefined>, most: number): Promise<Found[]> {
  const few: Found[] = [];
  for await (const one of found) {
    few.push(one);
    if (few.length >= most) break;
  }
  return few;
}

async function* trusted<Found extends Publication, Document extends { readonly incident?: string | undefined }>(
  published: Published<Found>,
  read: (found: Found) => Promise<Document>,
  nameOf: (found: Found) => string,
  { passedOver, gaveUp, marked }: TrustedOptions,
): AsyncGenerator<Document, void, undefined> {
  const describe = async (
    found: Found,
  ): Promise<{ found: Found; document: Document } | { found: Found; problem: string } | undefined> => {
    if (found.state === "hidden") return undefined;
    const came = await believed(() => read(found));
    return came && { found, ...came };
  };
  const passed = { manifests: 0, bytes: 0 };
  // One alone answers most; who has to look further looks at many at once.
  const blockSize = (read: number): number => Math.min(96, Math.max(1, 3 * read));
  for await (const one of describeInOrder(published, blockSize, describe)) {
    if ("document" in one) {
      const { incident } = one.document;
      if (incident === undefined || marked === "count") yield one.document;
      else passedOver?.(nameOf(one.found), `it was made while incident ${incident} was on`);
      continue;
    }
    passed.manifests++;
    passed.bytes += one.found.bytes;
    passedOver?.(nameOf(one.found), one.problem);
    if (passed.manifests >= mostUntrusted.manifests || passed.bytes >= mostUntrusted.bytes) return gaveUp?.();
  }
}

/**
 * What the vault has now that can be trusted. The policy check, the daily summary and the pages of the reports all read this:
 * nothing counts there that no trusted key has signed.
 */
export interface VaultStanding {
  /** The newest sets, newest data first. */
  readonly sets: readonly StandingSet[];
  /** The proven set with the newest data, however old it is; null when there is none. */
  readonly proven: ProvenStanding | null;
  /** Recoveries that were played: of each scenario the newest that went well. */
  readonly played: readonly PlayedRecovery[];
  /** Restores that were measured, newest first. */
  readonly restores: readonly MeasuredRestore[];
  /** The newest snapshot of the files; null when the vault has none, undefined when it was not asked. */
  readonly files: { readonly at: string; readonly bytes: number } | null | undefined;
  /** What is wrong with the keys of sets, in words for people (`inspectKeysOfSets`); undefined where the bucket locks nothing. */
  readonly keys: readonly string[] | undefined;
  /** What of the newest sets and the newest snapshot is not in the replica, in words for people; undefined where none is set. */
  readonly replica: readonly string[] | undefined;
  /** What is wrong with what is held: the register, and what each held set cannot do without (`checkHolds`). */
  readonly holds: readonly string[];
  readonly bucket: string;
  /** Of the files; undefined when it was not asked. */
  readonly filesBucket: string | undefined;
  /** Whether these are all of its sets, not only the newest. */
  readonly complete: boolean;
  /** What the newest sets say of the policy's terms, in days, and when each was published (ms): for whoever shortens them. */
  readonly announced: readonly Announced[];
  /** That is on in one of the buckets that were asked; null: none. */
  readonly incident: Incident | null;
}

interface Announced {
  readonly at: number;
  /** Null: it was made before manifests said it. */
  readonly terms: NonNullable<Manifest["policy"]>["terms"] | null;
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
  /** Checks releases of holds and ends of incidents (`releaseVerifier`). */
  readonly verifyRelease: VerifyRelease;
  /** Which sets are kept for how long, and locked. */
  readonly tiers: Policy["tiers"];
  /** The bucket that both are replicated to, where there is one, and how many hours it may be behind. */
  readonly replica?: { readonly vault: Vault; readonly lagHours: number } | undefined;
}

/** @throws LifeboatError when the vault cannot be asked */
export async function readStanding({
  vault,
  storage,
  verify,
  verifyProof,
  verifyRelease,
  tiers,
  replica,
}: StandingSources): Promise<VaultStanding> {
  const read = readProofs(vault, verifyProof);
  const [manifests, tested, files, keys, holds, incident] = await Promise.all([
    firstFew(trustedSets(vault, verify), newestSets),
    read.then((proofs) => provenSets(vault, verifyProof, proofs)),
    storage && firstOf(trustedSnapshots(storage, verify)).then((newest) => newest ?? null),
    keysOf(vault, tiers, verify),
    readHoldAlarms(
      { vaults: { database: vault, files: storage ?? null, replica: replica?.vault ?? null }, verify, verifyRelease },
      "core",
    ),
    incidentOf([vault, ...(storage === undefined ? [] : [storage])], verifyRelease),
  ]);
  const played = playedRecoveries((await read).proofs.map(({ proof }) => proof));
  const proofs = tested.filter(({ marked }) => !marked);
  const proofOf = new Map(proofs.map((one) => [`${one.tier}/${one.set}`, one]));
  const sets = manifests.map(
    ({ set, tier, snapshotAt, counts }): StandingSet => ({
      ...{ set, tier, snapshotAt, plainBytes: Number(counts.plainBytes), rows: Number(counts.rows) },
      provenAt: proofOf.get(`${tier}/${set}`)?.provenAt ?? null,
    }),
  );
  const watched = [
    ...newestOfTiers(manifests).map((one) => watchedSet(vault, one)),
    ...(storage && files ? [watchedSnapshot(storage, files)] : []),
  ];
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
    played,
    restores: restores.sort((a, b) => descending(a.at, b.at)),
    files: files && { at: files.snapshotAt, bytes: Number(files.counts.bytes) },
    replica: replica && (await inspectReplica(replica.vault, watched, replica)),
    ...{ keys, holds, bucket: vault.bucket, filesBucket: storage?.bucket },
    complete: manifests.length < newestSets,
    announced: manifests.map(({ finishedAt, policy }) => ({
      at: Date.parse(finishedAt),
      terms: policy?.terms ?? null,
    })),
    incident,
  };
}

function newestOfTiers(manifests: readonly Manifest[]): Manifest[] {
  const tiers = ["daily", "weekly", "monthly"] as const;
  return tiers.flatMap((tier) => manifests.find((one) => one.tier === tier) ?? []);
}

/** A set, for whoever looks for it in the replica. */
export function watchedSet(vault: Vault, { tier, set }: Pick<Manifest, "tier" | "set">): Watched {
  return { what: `set ${set} (${tier})`, vault, prefixes: [setPrefix(tier, set)] };
}

/** A snapshot of the files, with what its own run stored: what it took over from earlier ones was looked for with those. */
export function watchedSnapshot(vault: Vault, { set }: Pick<SnapshotManifest, "set">): Watched {
  return { what: `the files' snapshot ${set}`, vault, prefixes: runPrefixes(set) };
}

/** The oldest that is on in any of the buckets. */
async function incidentOf(vaults: readonly Vault[], verify: VerifySignature): Promise<Incident | null> {
  const states = await Promise.all(vaults.map((vault) => readIncident(vault, verify)));
  const on = states.flatMap((state) => (state.on ? state.all : []));
  return on.sort((a, b) => ((a.since ?? "") < (b.since ?? "") ? -1 : 1))[0] ?? null;
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

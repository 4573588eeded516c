import { mapBounded } from "../../base/flow/bounded.ts";
import type { NamingSnapshot } from "../../policy/names.ts";
import { lockObject, retainUntil } from "../../vault/bucket/lock.ts";
import { snapshotPrefix } from "../../vault/format/names.ts";
import { manifestName, signatureName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { WrittenObject } from "../../vault/s3/versions.ts";

const day = 86_400_000;

/** Objects by the run that wrote them, each in byte order: the order in which they are locked. */
export function byRun(names: Iterable<string>): Map<string, string[]> {
  const runs = new Map<string, string[]>();
  for (const key of [...names].sort()) {
    const run = key.split("/")[1] ?? "";
    const known = runs.get(run);
    if (known === undefined) runs.set(run, [key]);
    else known.push(key);
  }
  return runs;
}

export interface ExtendedLocks {
  /** Runs that were looked at, by their first and last object. */
  readonly runs: number;
  /** Runs of which less than half of the lock was left. */
  readonly due: readonly string[];
  /** Objects whose lock was extended, manifests included. */
  readonly extended: number;
}

/** A snapshot that stays, and until when (ISO 8601); null: as long as it is among the newest. */
export interface LockedSnapshot extends Pick<NamingSnapshot, "set" | "tier" | "names"> {
  readonly until: string | null;
}

export interface Locking {
  readonly lockDays: number;
  readonly now: Date;
  /** Tells which runs are due and changes nothing. */
  readonly dryRun: boolean;
  /** Objects that were hidden or replaced: what lies below has to be locked by its version, each looked at. */
  readonly meddled: readonly WrittenObject[];
  /** Keys that are named and not there: they must not keep the others from being locked. */
  readonly gone: ReadonlySet<string>;
}

/**
 * Extends the locks of everything that the given snapshots name where less than half is left. Two requests a run tell; only
 * where they say so, each object is asked. Manifests are not extended with the rest: they are locked for as long as their
 * tier keeps the snapshot, so that it can go on its day.
 * @throws OperationError `lock-failed`, `s3-unavailable`
 */
export async function extendLocks(
  vault: Vault,
  snapshots: readonly LockedSnapshot[],
  { lockDays, now, dryRun, meddled, gone }: Locking,
): Promise<ExtendedLocks> {
  const below = new Map(meddled.map(({ key, versionId }) => [key, versionId]));
  const shared = snapshots.flatMap(({ names }) => [...names].filter((key) => !isManifest(key) && !gone.has(key)));
  const runs = byRun(new Set(shared));
  const due = await mapBounded([...runs], 16, async ([run, keys]) => {
    const ends = [...new Set([keys[0], keys.at(-1)])].filter((key) => key !== undefined);
    const heads = await Promise.all(ends.map((key) => vault.head(key)));
    const left = heads.map((head) => (head?.retainUntil?.getTime() ?? 0) - now.getTime());
    return Math.min(...left) < (lockDays * day) / 2 ? [run] : [];
  });
  const names = due.flat();
  if (dryRun) return { runs: runs.size, due: names, extended: 0 };
  const until = retainUntil(now, lockDays);
  const named = new Set(shared);
  const dueNow = [...names.flatMap((run) => runs.get(run) ?? []), ...[...below.keys()].filter((key) => named.has(key))];
  const later = [...new Set(dueNow)].map((key) => ({ key, until }));
  const manifests = snapshots
    .flatMap((one) => (one.until === null ? [] : manifestLocks(one.set, new Date(one.until))))
    .filter(({ key }) => !gone.has(key));
  const done = await mapBounded([...later, ...manifests], 16, ({ key, until }) =>
    lockObject(vault, key, until, below.get(key)),
  );
  return { runs: runs.size, due: names, extended: done.filter(Boolean).length };
}

/**
 * Locks what a run has just published: its manifest until the tier no longer keeps the snapshot, everything else that it
 * stored for the policy's `lockDays`.
 * @param keys new objects of this run, in any order @param keepDays of the tier
 */
export async function lockPublishedSnapshot(
  vault: Vault,
  {
    set,
    keys,
    from,
    keepDays,
    lockDays,
  }: {
    readonly set: string;
    readonly keys: Iterable<string>;
    readonly from: Date;
    readonly keepDays: number;
    readonly lockDays: number;
  },
): Promise<void> {
  const until = retainUntil(from, lockDays);
  // In byte order: whoever looks at the first and the last knows about all between them.
  const shared = [...keys].filter((key) => !isManifest(key)).sort();
  const all = [...shared.map((key) => ({ key, until })), ...manifestLocks(set, retainUntil(from, keepDays))];
  await mapBounded(all, 16, ({ key, until }) => lockObject(vault, key, until));
}

function manifestLocks(set: string, until: Date): { key: string; until: Date }[] {
  return [signatureName, manifestName].map((name) => ({ key: snapshotPrefix(set) + name, until }));
}

function isManifest(key: string): boolean {
  return key.startsWith("snapshots/") && (key.endsWith(`/${manifestName}`) || key.endsWith(`/${signatureName}`));
}

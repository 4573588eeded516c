import type { Policy } from "../../config/policy/policy.ts";
import { kitLockDays, kitsPrefix } from "../../vault/kits.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Version, versionPages } from "../../vault/s3/versions.ts";
import type { Gate } from "./gate.ts";
import type { Removed } from "./removal-loop.ts";
import { nothingRemoved, removeVersions, sumOf } from "./remove-versions.ts";
import type { Following } from "./tools.ts";

const day = 86_400_000;

/** What runs leave in the vault beside sets, by where it lies, and for how many days it is kept. */
interface RecordRule {
  readonly prefix: string;
  readonly days: number;
  /** The set, or the kit, that a record belongs to: while that stays, it stays. */
  readonly setOf?: (key: string) => string | undefined;
  /** It lies in the bucket of the files, too, where that is another one. */
  readonly ofFiles?: true;
}

/** Every kind of record. A new kind is a line here, and a right of the role of retention (`scripts/provision/access.yml`). */
export function recordRules({ retention: { records } }: Pick<Policy, "retention">): readonly RecordRule[] {
  return [
    { prefix: "proofs/", days: records.proofs, setOf: (key) => /^proofs\/([^/]+)\//.exec(key)?.[1] },
    { prefix: "reports/", days: records.reports },
    { prefix: "notify/", days: records.notify },
    { prefix: "repairs/", days: records.repairs },
    // The newest stay whatever their age (`keptKits`); the others as long as their lock.
    { prefix: kitsPrefix, days: kitLockDays, setOf: (key) => /^kit\/([^/]+)\//.exec(key)?.[1] },
    { prefix: "retention/removed/", days: records.reports, ofFiles: true },
    // Nobody believes a use that is older than a day.
    { prefix: "uses/", days: 30, ofFiles: true },
  ];
}

export interface RecordsRemoved extends Removed {
  /** By prefix, how many versions went, or would go. */
  readonly byPrefix: Readonly<Record<string, number>>;
  readonly alarms: readonly string[];
  /** Why it ended before its time; null: it went through. */
  readonly stopped: string | null;
}

export interface RecordsOptions {
  readonly policy: Pick<Policy, "retention">;
  /** Null: only counts. */
  readonly gate: Gate | null;
  /** Whether a set is still there, or a kit kept. */
  readonly isThere: (set: string) => boolean;
  /** Those alone that lie in the bucket of the files, too. */
  readonly ofFiles?: boolean;
  /** By the store's clock, ms. */
  readonly now: number;
  /** Days that are added to each term. */
  readonly longer?: number;
  /** Records that a replica's vault still has stay in the replica. */
  readonly following?: Pick<Following, "recordsBelow"> | undefined;
}

/**
 * Removes records whose term is over, by the store's own times. One that somebody hid stays, and is an alarm; who writes a record again
 * only makes it stay longer.
 */
export async function removeRecords(
  vault: Vault,
  { policy, gate, isThere, ofFiles, now, longer = 0, following }: RecordsOptions,
): Promise<RecordsRemoved> {
  let all = nothingRemoved;
  const byPrefix: Record<string, number> = {};
  const hidden = new Set<string>();
  for (const { prefix, days, setOf } of recordRules(policy).filter((rule) => !ofFiles || rule.ofFiles)) {
    const elsewhere = (await following?.recordsBelow(prefix)) ?? new Set();
    const isOver = ({ key, lastModified }: Version): boolean => {
      const set = setOf?.(key);
      return (
        lastModified !== undefined &&
        lastModified.getTime() + (days + longer) * day < now &&
        (set === undefined || !isThere(set)) &&
        !elsewhere.has(key)
      );
    };
    /** Of the key that was listed last: versions of one may lie on two pages. The newest comes first, and decides. */
    let last = { key: "", goes: false };
    for await (const { versions } of versionPages(vault.transport, prefix)) {
      // A page lists its markers behind all versions.
      for (const { key, marker, latest } of versions) if (marker && latest) hidden.add(key);
      const going = versions.filter((version) => {
        if (version.marker) return false;
        if (version.key !== last.key) last = { key: version.key, goes: !hidden.has(version.key) && isOver(version) };
        return last.goes;
      });
      if (going.length === 0) continue;
      const stopped = (await gate?.(`records below ${prefix}`)) ?? null;
      if (stopped !== null) return { ...all, byPrefix, alarms: alarmsOf(hidden), stopped };
      const removed = await removeOrCount(vault, going, gate, now);
      byPrefix[prefix] = (byPrefix[prefix] ?? 0) + removed.deleted;
      all = sumOf(all, removed);
    }
  }
  return { ...all, byPrefix, alarms: alarmsOf(hidden), stopped: null };
}

function alarmsOf(hidden: ReadonlySet<string>): string[] {
  return alarmOf([...hidden], "hidden by delete markers", "record");
}

/** @param gate null: only counts */
function removeOrCount(vault: Vault, going: readonly Version[], gate: Gate | null, now: number): Promise<Removed> {
  if (gate === null) return Promise.resolve({ ...nothingRemoved, deleted: going.length });
  return removeVersions(vault, going, now);
}

/** Small objects that are written again and again. */
const litter = ["leases/", "probe/"] as const;

/**
 * Removes what leases and probes leave in a vault: each version that has a later one. Markers, and what lies under one, stay:
 * we write none, and a hidden lease still counts. Leases tell who worked when: while something is wrong, that stays too.
 * @param gate asked before each removal, and ends it; null: looks, and changes nothing
 */
export async function removeLitter(vault: Vault, gate: Gate | null, now = Date.now()): Promise<Removed> {
  let all = nothingRemoved;
  for (const prefix of litter) {
    const newest = new Set<string>();
    for await (const { versions } of versionPages(vault.transport, prefix)) {
      const superseded = versions.filter(({ key, marker }) => {
        if (marker) return false;
        const later = newest.has(key);
        newest.add(key);
        return later;
      });
      if (superseded.length === 0) continue;
      if (gate !== null && (await gate(`old versions below ${prefix}`)) !== null) return all;
      all = sumOf(all, await removeOrCount(vault, superseded, gate, now));
    }
  }
  return all;
}

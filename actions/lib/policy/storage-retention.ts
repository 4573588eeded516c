import type { TierPolicy } from "../config/policy/policy.ts";
import type { RetentionPolicy } from "../config/policy/retention.ts";
import type { StorageRetentionPolicy } from "../config/policy/storage.ts";

/** A snapshot of the files, and everything in the vault that it needs. */
export interface NamingSnapshot {
  readonly set: string;
  readonly tier: "daily" | "weekly" | "monthly";
  /** ISO 8601. */
  readonly snapshotAt: string;
  readonly names: ReadonlySet<string>;
}

/** One object of the vault. */
export interface KeptObject {
  readonly key: string;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
}

export interface StorageRetention {
  /** Snapshots that the policy no longer keeps, oldest first. */
  readonly go: readonly string[];
  /** The others, newest first, and until when; null: as long as they are among the newest. */
  readonly stay: readonly { readonly set: string; readonly until: string | null }[];
  /** Objects that no staying snapshot names, those of the going ones included. */
  readonly unnamed: readonly KeptObject[];
  readonly unnamedBytes: number;
  /** Why nothing goes although some of it could; null when nothing holds it up. */
  readonly heldBack: string | null;
}

export interface RetentionFacts {
  readonly snapshots: readonly NamingSnapshot[];
  /** Everything below `snapshots/`, `packs/` and `files/`. */
  readonly objects: readonly KeptObject[];
  readonly tiers: Readonly<Record<"daily" | "weekly" | "monthly", Pick<TierPolicy, "retentionDays">>>;
  readonly retention: Pick<RetentionPolicy, "keepNewest" | "staleDays">;
  readonly now: Date;
  /** A manifest that cannot be read or trusted may name anything: nothing goes. */
  readonly unreadable: readonly string[];
  /** Keys of what somebody hid, replaced or deleted: nothing goes while somebody meddles. */
  readonly meddled: readonly string[];
}

const day = 86_400_000;
/** What a killed run has copied is taken over by the next ones; after so many days nobody will. */
const leftoverDays = 7;

/**
 * What of the files' vault the policy no longer keeps. The newest snapshots always stay; nothing goes while syncs are
 * failing, or while a manifest cannot be read. An object goes only when no staying snapshot names it.
 */
export function planStorageRetention(facts: RetentionFacts): StorageRetention {
  const { snapshots, objects, tiers, retention, now } = facts;
  const newestFirst = snapshots.toSorted((a, b) => (a.set < b.set ? 1 : -1));
  const untilOf = ({ tier, snapshotAt }: NamingSnapshot): number =>
    Date.parse(snapshotAt) + tiers[tier].retentionDays * day;
  const protectedSets = new Set(newestFirst.slice(0, retention.keepNewest).map(({ set }) => set));
  const heldBack = reasonToWait(facts, newestFirst[0]);
  const over = newestFirst.filter((one) => !protectedSets.has(one.set) && untilOf(one) <= now.getTime());
  const going = new Set(heldBack === null ? over.map(({ set }) => set) : []);
  const staying = newestFirst.filter(({ set }) => !going.has(set));
  const unnamed = heldBack === null ? unnamedObjects(objects, staying, now) : [];
  return {
    go: [...going].sort(),
    stay: staying.map((one) => ({
      set: one.set,
      until: untilOf(one) <= now.getTime() ? null : new Date(untilOf(one)).toISOString(),
    })),
    unnamed,
    unnamedBytes: unnamed.reduce((sum, { bytes }) => sum + bytes, 0),
    heldBack,
  };
}

function reasonToWait(facts: RetentionFacts, newest?: NamingSnapshot): string | null {
  const { unreadable, meddled, retention, now } = facts;
  const [first] = unreadable;
  if (first !== undefined) return `the snapshot ${first} cannot be read, and may name anything`;
  const [key] = meddled;
  if (key !== undefined) return `${key} was hidden, replaced or deleted, and not by Lifeboat`;
  if (newest === undefined) return "there is no snapshot";
  const days = (now.getTime() - Date.parse(newest.snapshotAt)) / day;
  if (days <= retention.staleDays) return null;
  return `the newest snapshot is ${Math.floor(days)} days old: syncs are failing`;
}

function unnamedObjects(objects: readonly KeptObject[], staying: readonly NamingSnapshot[], now: Date): KeptObject[] {
  const newest = staying[0]?.set ?? "";
  const sets = new Set(staying.map(({ set }) => set));
  const isNamed = (key: string): boolean => staying.some(({ names }) => names.has(key));
  return objects.filter(({ key, lastModified }) => {
    const run = runOfKey(key);
    // What nobody recognises was put there by somebody else, and is not ours to remove.
    if (run === undefined || isNamed(key)) return false;
    // Beside what a snapshot names, its folder holds nothing: something new there is not understood yet.
    if (sets.has(run) && key.startsWith("snapshots/") && !/\/journal\//.test(key)) return false;
    const old = lastModified !== undefined && now.getTime() - lastModified.getTime() > leftoverDays * day;
    // A run after the newest snapshot has not ended, or was killed: its journal tells the next one what is there.
    return run > newest ? old : true;
  });
}

function runOfKey(key: string): string | undefined {
  return /^(?:snapshots|packs|files)\/(\d{8}T\d{6}Z-[0-9a-f]{8})\//.exec(key)?.[1];
}

/** A pack, and how much of it the newest snapshot still names. */
interface PackUse {
  readonly key: string;
  /** Bytes of its tar. What a base says of the files in it is what lived when the base was written; this stays. */
  readonly plainBytes: number;
  readonly livingFiles: number;
  readonly livingBytes: number;
}

export type CompactionPolicy = Pick<StorageRetentionPolicy, "compactBelowShare" | "compactBytesPerRun">;

/** Days for which living files may lie in the vault twice before a fuller pack is no longer worth it. */
const daysTwice = 90;
/** What a tar adds to a file, about: a header of 512 bytes and half a block of padding. */
const tarBytesPerFile = 768;

/**
 * The policy as it pays. A pack that was copied anew goes when the last snapshot that names it goes; until then its living
 * files are in the vault twice. Where the longest tier keeps snapshots for years, only packs that are all but empty are
 * worth that: by how much longer than `daysTwice` it keeps them, the share gets smaller.
 */
export function compactionThatPays(
  { compactBelowShare, compactBytesPerRun }: CompactionPolicy,
  tiers: Readonly<Record<string, Pick<TierPolicy, "retentionDays">>>,
): CompactionPolicy {
  const longest = Math.max(...Object.values(tiers).map(({ retentionDays }) => retentionDays));
  return { compactBelowShare: compactBelowShare * Math.min(1, daysTwice / longest), compactBytesPerRun };
}

/**
 * Packs whose living files are copied anew, so that the pack can go when the last snapshot that names it goes: emptiest
 * first, as far as the policy's bytes reach. Large files, which lie alone, live or do not, and are never among them.
 */
export function planCompaction(
  objects: readonly PackUse[],
  policy: CompactionPolicy,
): { readonly packs: ReadonlySet<string>; readonly bytes: number } {
  const share = ({ livingBytes, livingFiles, plainBytes }: PackUse): number =>
    plainBytes === 0 ? 1 : (livingBytes + livingFiles * tarBytesPerFile) / plainBytes;
  const sparse = objects
    .filter((object) => object.key.startsWith("packs/") && share(object) < policy.compactBelowShare)
    .sort((a, b) => share(a) - share(b) || (a.key < b.key ? -1 : 1));
  const packs = new Set<string>();
  let bytes = 0;
  for (const pack of sparse) {
    if (bytes + pack.livingBytes > policy.compactBytesPerRun) break;
    packs.add(pack.key);
    bytes += pack.livingBytes;
  }
  return { packs, bytes };
}

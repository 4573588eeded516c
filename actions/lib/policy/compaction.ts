import type { TierPolicy } from "../config/policy/policy.ts";
import type { StorageRetentionPolicy } from "../config/policy/storage.ts";

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

import type { StorageUpkeepPolicy } from "../config/policy-storage-upkeep.ts";

/** A pack, and how much of it the newest snapshot still names. */
export interface PackUse {
  readonly key: string;
  readonly fileBytes: number;
  readonly livingBytes: number;
}

/**
 * Packs whose living files are copied anew, so that the pack can go when the last snapshot that names it goes: emptiest
 * first, as far as the policy's bytes reach. Large files, which lie alone, live or do not, and are never among them.
 */
export function planCompaction(
  objects: readonly PackUse[],
  policy: Pick<StorageUpkeepPolicy, "compactBelowShare" | "compactBytesPerRun">,
): { readonly packs: ReadonlySet<string>; readonly bytes: number } {
  const share = ({ livingBytes, fileBytes }: PackUse): number => (fileBytes === 0 ? 1 : livingBytes / fileBytes);
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

import { mapBounded } from "./bounded.ts";
import type { Vault } from "./client.ts";
import { setIdPattern } from "./manifest.ts";
import { listPages } from "./objects.ts";

/**
 * Folders right below `prefix` that are named like a set, newest first, whether there is a manifest in them or not. Reads
 * folders, not objects: one request for 1,000 of them.
 */
export async function setIdsBelow(vault: Vault, prefix: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { folders } of listPages(vault.transport, prefix, "/"))
    ids.push(...folders.map((folder) => folder.slice(prefix.length, -1)).filter((name) => setIdPattern.test(name)));
  return ids.sort().reverse();
}

/**
 * Describes folders in order until there is as much as is wanted.
 *
 * @param describe gives undefined for a folder without a manifest, which counts for nothing
 */
export async function describeFirst<Folder, Described>(
  folders: readonly Folder[],
  wanted: number,
  describe: (folder: Folder) => Promise<Described | undefined>,
): Promise<Described[]> {
  const left = [...folders];
  const found: Described[] = [];
  while (found.length < wanted && left.length > 0) {
    const described = await mapBounded(left.splice(0, wanted - found.length), 24, describe);
    found.push(...described.filter((one) => one !== undefined));
  }
  return found;
}

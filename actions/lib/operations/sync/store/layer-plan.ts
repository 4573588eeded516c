/** Entries that one list of a base should hold, about. */
const entriesPerShard = 2048;
const mostShards = 65_536;

/** How many lists a base for so many files gets: a power of two. */
export function shardsFor(files: number): number {
  const wanted = Math.ceil(Math.max(1, files) / entriesPerShard);
  return Math.min(mostShards, 2 ** Math.ceil(Math.log2(wanted)));
}

/** Changes that are kept above a small base before they are worked into a new one; and above any base. */
const fewChanges = 4000;
const mostChanges = 250_000;
/** Layers that a manifest names itself; then a new layer takes those before it along. */
export const directLayers = 32;
/** Layers in all: each costs its reader requests. */
const mostLayers = 800;

/**
 * Whether the list is to be written anew as a base. That costs as much as all its entries, so it is done only when as much
 * has changed: what the lists add to the vault stays a small part of what the changes themselves do.
 */
export function wantsNewBase(list: { base: number; changes: number; layers: number; shards: number }): boolean {
  if (list.layers >= mostLayers || list.base + list.changes > list.shards * entriesPerShard * 4) return true;
  return list.changes >= Math.max(fewChanges, Math.min(list.base, mostChanges));
}

import type { Inventory } from "../source/inventory/model.ts";
import type { Artifact, Manifest } from "../vault/manifest.ts";

/** Sums up what is in a set. Rows are those of the tables that a dump carries. */
export function countSet(
  inventory: Inventory,
  artifacts: readonly Artifact[],
  databaseBytes: string,
): Manifest["counts"] {
  const carried = inventory.tables.filter((table) => table.carried);
  return {
    tables: carried.length,
    rows: carried.reduce((sum, { fingerprint }) => sum + BigInt(fingerprint?.rows ?? "0"), 0n).toString(),
    sequences: inventory.sequences.length,
    largeObjects: inventory.largeObjects.length,
    objects: inventory.objects.length,
    databaseBytes,
    plainBytes: artifacts.reduce((sum, { plainBytes }) => sum + BigInt(plainBytes), 0n).toString(),
    storedBytes: artifacts.reduce((sum, artifact) => sum + BigInt(storedBytes(artifact)), 0n).toString(),
  };
}

export function storedBytes(artifact: Artifact): number {
  return artifact.segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

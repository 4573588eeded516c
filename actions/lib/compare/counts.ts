import type { Inventory } from "../postgres/inventory/model.ts";
import type { Artifact, Manifest } from "../vault/format/manifest.ts";

/** Sums up what is in a set. Rows are those of the tables that a dump carries. */
export function countSet(
  inventory: Inventory,
  artifacts: readonly Artifact[],
  databaseBytes: string,
): Manifest["counts"] {
  return {
    tables: inventory.tables.length,
    rows: inventory.tables.reduce((sum, { fingerprint }) => sum + BigInt(fingerprint?.rows ?? "0"), 0n).toString(),
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

const dumps: ReadonlySet<Artifact["kind"]> = new Set(["schema", "data", "large-objects"]);

/**
 * What of a set may be compared with another's: a weekly set also holds every row as JSON, and a monthly one is a script,
 * in which large objects are written otherwise. Bytes are those of the dumps; 0, which bounds nothing, where there are none.
 */
export function comparableCounts(
  { rows }: Pick<Manifest["counts"], "rows">,
  artifacts: readonly Pick<Artifact, "kind" | "plainBytes">[],
): Pick<Manifest["counts"], "rows" | "plainBytes"> {
  const bytes = artifacts
    .filter(({ kind }) => dumps.has(kind))
    .reduce((sum, { plainBytes }) => sum + BigInt(plainBytes), 0n);
  return { rows, plainBytes: bytes.toString() };
}

/** Whether a set holds dumps, as all but the monthly ones do. */
export function hasDumps(artifacts: readonly Pick<Artifact, "kind">[]): boolean {
  return artifacts.some(({ kind }) => kind === "data");
}

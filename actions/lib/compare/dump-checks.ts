import { OperationError } from "../base/errors.ts";
import { few } from "../base/measures.ts";
import type { TocEntry } from "../postgres/dump/archive/toc.ts";
import { tableName } from "../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../postgres/inventory/model.ts";
import { isVaultSecrets } from "../postgres/inventory/vault-secrets.ts";
import type { Artifact, Manifest } from "../vault/format/manifest.ts";

/**
 * Compares the schema dump with the live catalogue by identity (catalogue and OID).
 * @throws OperationError `dump-incomplete` that names every object which pg_dump should carry and doesn't
 */
export function assertSchemaComplete(inventory: Pick<Inventory, "objects">, toc: readonly TocEntry[]): void {
  const dumped = new Set(toc.map(({ tableOid, oid }) => `${tableOid}.${oid}`));
  const missing = inventory.objects.filter(({ listed, classId, oid }) => listed && !dumped.has(`${classId}.${oid}`));
  if (missing.length === 0) return;
  throw new OperationError(
    "dump-incomplete",
    `The schema dump lacks ${missing.length} of the database's objects: ${few(missing.map(({ kind, identity }) => `${kind} ${identity}`))}.`,
    "Run again; if it comes back, the client tools and the server don't fit together: run `lifeboat check`.",
  );
}

/**
 * Compares what was read of the rows with the catalogue, by OID.
 * @param parts a place for each file that was to hold rows of the table; undefined where it does not
 * @throws OperationError `dump-incomplete` that names the tables whose rows should be in the set and aren't
 */
export function assertRowsComplete(
  { tables }: Pick<Inventory, "tables">,
  parts: ReadonlyMap<string, readonly unknown[]>,
): void {
  const missing = tables.filter(
    (table) => !isVaultSecrets(table) && (parts.get(table.oid) ?? [undefined]).includes(undefined),
  );
  if (missing.length === 0) return;
  throw new OperationError(
    "dump-incomplete",
    `The set lacks rows of ${missing.length} tables: ${few(missing.map(tableName))}.`,
    "Run again; if it comes back, report it with this line.",
  );
}

/**
 * Objects whose definition is no longer what the snapshot's inventory says. pg_get_viewdef and its kin read the present,
 * not the snapshot: a change in between would put something into the dump that never was at the snapshot. What came later
 * is in neither, and rights and comments are read as of the snapshot.
 */
export function movedObjects(before: readonly InventoryObject[], after: readonly InventoryObject[]): InventoryObject[] {
  const now = new Map(after.map((object) => [`${object.classId}.${object.oid}`, object]));
  return before.filter((object) => {
    if (object.kind === "large object") return false;
    const later = now.get(`${object.classId}.${object.oid}`);
    return later === undefined || later.definition !== object.definition || later.identity !== object.identity;
  });
}

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

const compared: ReadonlySet<Artifact["kind"]> = new Set(["schema", "data", "large-objects"]);

/** What of a set may be compared with another's of any tier: a weekly set also holds every row as JSON. */
export function comparableCounts(
  { rows }: Pick<Manifest["counts"], "rows">,
  artifacts: readonly Pick<Artifact, "kind" | "plainBytes">[],
): Pick<Manifest["counts"], "rows" | "plainBytes"> {
  const bytes = artifacts
    .filter(({ kind }) => compared.has(kind))
    .reduce((sum, { plainBytes }) => sum + BigInt(plainBytes), 0n);
  return { rows, plainBytes: bytes.toString() };
}

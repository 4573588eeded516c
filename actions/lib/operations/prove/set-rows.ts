import { type DataBlock, readArchive, type TableBlock } from "../../postgres/dump/archive/data.ts";
import { readPlainDump } from "../../postgres/dump/plain/read.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Fingerprint, Inventory } from "../../postgres/inventory/model.ts";
import { createRowHasher } from "../../postgres/row-hash/row-hash.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { projectColumns } from "../restore/load/load-table.ts";

/**
 * Fingerprints of some columns of the set's own rows: for tables that a restore brings back with fewer or other values in
 * some of them. Only the artifacts that may hold these tables are opened.
 *
 * @param wanted places of the columns, ascending from 0, by `tableName`
 * @param readable asked before any is opened
 */
export async function fingerprintSetRows(
  open: OpenSet,
  inventory: Inventory,
  wanted: ReadonlyMap<string, readonly number[]>,
  readable: (artifacts: readonly Artifact[]) => Promise<void>,
): Promise<Map<string, Fingerprint>> {
  const found = new Map<string, Fingerprint>();
  const oids = new Map(
    inventory.tables.flatMap((table) => {
      const keep = wanted.get(tableName(table));
      return keep === undefined ? [] : [[table.oid, { name: tableName(table), keep }] as const];
    }),
  );
  const artifacts = open.manifest.artifacts.filter((one) => mayHold(one, wanted));
  if (artifacts.length > 0) await readable(artifacts);
  for (const artifact of artifacts) {
    for await (const block of await blocksOf(open, artifact, inventory)) {
      if (block.kind !== "table") continue;
      const table = oids.get(block.entry.oid);
      if (table !== undefined) found.set(table.name, sum(found.get(table.name), await hash(block, table.keep)));
    }
  }
  // A table without rows is in no block.
  for (const name of wanted.keys()) if (!found.has(name)) found.set(name, { rows: "0", hash: "0" });
  return found;
}

function mayHold({ kind, tables }: Artifact, wanted: ReadonlyMap<string, unknown>): boolean {
  if (wanted.size === 0 || !["data", "sql", "extension-rows"].includes(kind)) return false;
  return tables === undefined || tables.some((name) => wanted.has(name));
}

async function blocksOf(open: OpenSet, artifact: Artifact, inventory: Inventory): Promise<AsyncIterable<DataBlock>> {
  const plain = open.artifact(artifact.name);
  return artifact.kind !== "data" ? readPlainDump(plain, inventory).blocks() : (await readArchive(plain)).blocks();
}

async function hash(block: TableBlock, keep: readonly number[]): Promise<Fingerprint> {
  const hasher = createRowHasher(keep.length);
  for await (const chunk of projectColumns(block.chunks(), keep)) hasher.push(chunk);
  return hasher.finish();
}

/** A table may come in several slices. */
function sum(a: Fingerprint | undefined, b: Fingerprint): Fingerprint {
  if (a === undefined) return b;
  const add = (one: string, other: string): string => (BigInt(one) + BigInt(other)).toString();
  return { rows: add(a.rows, b.rows), hash: add(a.hash, b.hash) };
}

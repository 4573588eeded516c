import { tableName } from "../postgres/identifier.ts";
import type { Fingerprint, Generated, TableContent } from "../postgres/inventory/model.ts";
import type { Measured } from "./measure-tables.ts";

/** What is known of rows, by `schema.table`. */
export interface RowFacts {
  readonly measured: ReadonlyMap<string, Measured>;
  /** Reasons for rows that stayed in the set. */
  readonly left: ReadonlyMap<string, { readonly why: string; readonly expected: boolean }>;
  /** Fingerprints that count in the place of the set's (fewer columns in the target). */
  readonly instead: ReadonlyMap<string, Fingerprint>;
  /** The partitioned tables over which the rows of some partitions are compared, by the partition's `schema.table`. */
  readonly roots: ReadonlyMap<string, { readonly schema: string; readonly name: string }>;
}

/**
 * Puts one table in the place of the partitions whose rows lie elsewhere after a restore: the partitioned table, with the
 * sums of what its partitions held and hold. A fingerprint is a sum, so none is lost. Pure.
 */
export function overRoots<Some extends RowFacts>(
  tables: readonly TableContent[],
  facts: Some,
): { tables: readonly TableContent[]; facts: Some } {
  const families = new Map<string, TableContent[]>();
  const others: TableContent[] = [];
  for (const table of tables) {
    const root = facts.roots.get(tableName(table));
    if (root === undefined) others.push(table);
    else families.set(tableName(root), [...(families.get(tableName(root)) ?? []), table]);
  }
  if (families.size === 0) return { tables, facts };
  const measured = new Map(facts.measured);
  const instead = new Map(facts.instead);
  for (const [name, leaves] of families) {
    const came = leaves.filter((leaf) => !facts.left.has(tableName(leaf)));
    const wanted = came.map((leaf) => facts.instead.get(tableName(leaf)) ?? leaf.fingerprint);
    const [first] = came;
    others.push(...leaves.filter((leaf) => !came.includes(leaf)));
    const root = first && facts.roots.get(tableName(first));
    if (first === undefined || root === undefined) continue;
    const fingerprint = wanted.every((one) => one !== null) ? sumOf(wanted) : null;
    others.push({ ...first, ...root, fingerprint, generated: generatedOf(came.map(({ generated }) => generated)) });
    instead.delete(name);
    // Rows of those that stayed in the set lie nowhere; any of them may hold rows of the others.
    const found = measuredOf(leaves.map((leaf) => facts.measured.get(tableName(leaf))));
    if (found !== undefined) measured.set(name, found);
  }
  return { tables: others, facts: { ...facts, measured, instead } };
}

function sumOf(some: readonly Fingerprint[]): Fingerprint {
  return { rows: add(some.map(({ rows }) => rows)), hash: add(some.map(({ hash }) => hash)) };
}

const add = (numbers: readonly string[]): string => numbers.reduce((sum, one) => sum + BigInt(one), 0n).toString();

function measuredOf(some: readonly (Measured | undefined)[]): Measured | undefined {
  const read: Exclude<Measured, { unreadable: string }>[] = [];
  for (const one of some) {
    if (one === undefined || "unreadable" in one) return one;
    read.push(one);
  }
  return { ...sumOf(read), generated: generatedOf(read.map(({ generated }) => generated)) ?? undefined };
}

/** Null hashes, which nobody could read, make the sum one that nobody knows. */
function generatedOf(some: readonly (Generated | null | undefined)[]): Generated | null {
  const [first] = some;
  if (first === undefined || first === null) return null;
  const columns = first.columns.map((column) => {
    const hashes = some.map((one) => one?.columns.find(({ name }) => name === column.name)?.hash ?? null);
    return { ...column, hash: hashes.every((hash) => hash !== null) ? add(hashes) : null };
  });
  return { ...first, columns };
}

import type { Client } from "pg";
import { OperationError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { tableName } from "../postgres/identifier.ts";
import { type Fingerprint, type Generated, sumOf, type TableContent } from "../postgres/inventory/model.ts";
import { pathStatement } from "../postgres/inventory/name-lookup.ts";
import { fingerprintByCopy, isLeftToCopy } from "../postgres/rows/export-rows.ts";
import { fingerprintGenerated, fingerprintTable } from "../postgres/rows/fingerprint.ts";

/** A fingerprint, or why there is none. */
export type Measured = (Fingerprint & { readonly generated?: Generated | undefined }) | { readonly unreadable: string };

/**
 * Computes the fingerprints of tables, several at once, largest first.
 *
 * @param connect gives a new connection with the pinned settings
 * @param paths search paths for generated columns of tables that no query can be planned on under the session's
 * @returns by `schema.table`
 */
export async function measureTables(
  connect: () => Promise<Client>,
  tables: readonly Pick<TableContent, "schema" | "name" | "columns" | "filter" | "bytes" | "generated">[],
  jobs: number,
  log: Log,
  paths: readonly string[],
): Promise<Map<string, Measured>> {
  const queue = [...tables].sort((a, b) => b.bytes - a.bytes);
  const measured = new Map<string, Measured>();
  const track = log.track("fingerprints", { bytes: 0, items: tables.length });
  const worker = async (): Promise<void> => {
    const client = await connect();
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const name = tableName(next);
        track.note(name);
        measured.set(name, await measure(client, next, paths));
        track.advance({ items: 1 });
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, queue.length)) }, () => worker()));
  track.end("done");
  return measured;
}

async function measure(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "columns" | "filter" | "generated">,
  paths: readonly string[],
): Promise<Measured> {
  try {
    const fingerprint = await fingerprintTable(client, table).catch((error: unknown) => {
      if (!isLeftToCopy(error)) throw error;
      return fingerprintByCopy(client, table);
    });
    return {
      ...fingerprint,
      generated: table.generated ? await generated(client, table, table.generated, paths) : undefined,
    };
  } catch (error) {
    if (error instanceof OperationError) return { unreadable: error.message };
    throw error;
  }
}

/** A column that is not there, or may not be read, is not measured; why it is not there, the comparison of objects tells. */
async function generated(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "filter">,
  wanted: Generated,
  paths: readonly string[],
): Promise<Generated> {
  for (const path of [undefined, ...paths]) {
    await client.query("begin");
    try {
      if (path !== undefined) await client.query(pathStatement(path));
      return await fingerprintGenerated(client, table, wanted);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      if (!isLeftToCopy(error)) break;
    } finally {
      await client.query("rollback").catch(() => undefined);
    }
  }
  return { ...wanted, columns: wanted.columns.map((column) => ({ ...column, hash: null })) };
}

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

import type { Client } from "pg";
import { OperationError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { askEach } from "../postgres/connect/connect.ts";
import { tableName } from "../postgres/identifier.ts";
import { type Fingerprint, type Generated, sumOf, type TableContent } from "../postgres/inventory/model.ts";
import { fingerprintByCopy, isLeftToCopy } from "../postgres/rows/export-rows.ts";
import { fingerprintQuestion, generatedQuestion, readApart } from "../postgres/rows/fingerprint.ts";

/** A fingerprint, or why there is none. */
export type Measured = (Fingerprint & { readonly generated?: Generated | undefined }) | { readonly unreadable: string };

type MeasuredTable = Pick<TableContent, "schema" | "name" | "columns" | "filter" | "bytes" | "generated">;

/**
 * Computes the fingerprints of tables, several at once, largest first.
 *
 * @param connect gives a new connection with the pinned settings
 * @param paths search paths for generated columns of tables that no query can be planned on under the session's
 * @returns by `schema.table`
 */
export async function measureTables(
  connect: () => Promise<Client>,
  tables: readonly MeasuredTable[],
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
      for (let some = takeSome(queue); some[0] !== undefined; some = takeSome(queue)) {
        track.note(tableName(some[0]));
        for (const [name, found] of await measureSome(client, some, paths)) measured.set(name, found);
        track.advance({ items: some.length });
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, queue.length)) }, () => worker()));
  track.end("done");
  return measured;
}

/** Tables up to this size are asked for together, for the time that a question takes to get there is more than its answer's. */
const smallBytes = 262_144;
const together = 100;

/** A large table alone, or many small ones. */
function takeSome(queue: MeasuredTable[]): MeasuredTable[] {
  const large = (queue[0]?.bytes ?? 0) > smallBytes;
  return queue.splice(0, large ? 1 : together);
}

async function measureSome(
  client: Client,
  tables: readonly MeasuredTable[],
  paths: readonly string[],
): Promise<[name: string, found: Measured][]> {
  const rows = await askEach(client, tables, (table) =>
    readable(() =>
      readApart(client, table, fingerprintQuestion(table)).catch((error: unknown) => {
        if (!isLeftToCopy(error)) throw error;
        return undefined;
      }),
    ),
  );
  const values = await askEach(client, tables, async (table) =>
    table.generated ? generated(client, table, table.generated, paths) : undefined,
  );
  const measured: [string, Measured][] = [];
  for (const [at, table] of tables.entries()) {
    const found = rows[at] ?? (await readable(() => fingerprintByCopy(client, table)));
    measured.push([tableName(table), "unreadable" in found ? found : { ...found, generated: values[at] }]);
  }
  return measured;
}

async function readable<T>(read: () => Promise<T>): Promise<T | { readonly unreadable: string }> {
  try {
    return await read();
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
    try {
      return await readApart(client, table, generatedQuestion(table, wanted), path);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      if (!isLeftToCopy(error)) break;
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

import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { tableName } from "../../postgres/identifier.ts";
import { createRowHasher } from "../../postgres/row-hash/row-hash.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Opening, openSet } from "../../vault/sets/open-set.ts";
import { rows } from "../../vault/sets/rows.ts";
import { bucketCount, unpackBuckets } from "../../vault/sets/table-index.ts";
import { escapeCopy, findRow } from "./find-row.ts";
import type { InSet } from "./read-table.ts";

/** One row as it is in one set. Its values are for the eyes of the person who holds the key. */
export interface RowInSet {
  readonly set: string;
  /** `unread`: see `problem`. */
  readonly outcome: "there" | "absent" | "unread";
  /** The table was not read: the index says that the row is as in the set before, or that no such row is there. */
  readonly byIndex: boolean;
  /** By column; null where it is not there. */
  readonly values: ReadonlyMap<string, string | null> | null;
  readonly problem: string | null;
}

/** Two sets keep both the network and the processor busy. */
const atOnce = 2;

/**
 * Shows one row in each of the sets. Only this table is read, and only where the bucket that the row belongs to is another than in the set
 * before.
 * @param steps oldest first
 * @param typed `id=42`
 * @throws ConfigurationError `key-missing` for a table without a key, `usage` where it is not the key, `wrong-private-key`
 */
export async function rowInSets(
  vault: Vault,
  steps: readonly InSet[],
  table: string,
  typed: string,
  opening: Opening | undefined,
  { log, signal }: { log: Log; signal: AbortSignal | undefined },
): Promise<{ key: readonly string[]; sets: RowInSet[] }> {
  if (opening === undefined) throw new Error("The row of a set is read without a key that opens it.");
  const key = steps.findLast(({ state }) => state !== undefined)?.state?.key ?? null;
  if (key === null)
    throw new ConfigurationError(
      "key-missing",
      `${table} has no key by which its rows could be told apart.`,
      "Leave out --key; compare a set with the live table by whole rows: `lifeboat compare`.",
    );
  const wanted = parseKey(typed, key, table);
  const same = asBefore(steps, key, bucketOf([...wanted.values()]));
  const toRead = steps.filter((_, place) => same[place] === "read");
  const track = log.track("rows", { bytes: 0, items: toRead.length });
  const read = new Map<InSet, RowInSet>();
  try {
    await mapBounded(toRead, atOnce, async (step) => {
      track.note(step.manifest.set);
      read.set(step, await readRow(vault, step, table, wanted, opening, signal));
      track.advance({ items: 1 });
    });
  } catch (error) {
    track.end("failed");
    throw error;
  }
  track.end("done");
  let before: RowInSet | undefined;
  const sets = steps.map((step, place): RowInSet => {
    const { set } = step.manifest;
    const found = read.get(step);
    if (found !== undefined) before = found;
    else if (same[place] === "absent") before = { ...nothing(set), outcome: "absent", byIndex: true };
    else before = { ...(before ?? nothing(set)), set, byIndex: true };
    return before;
  });
  return { key, sets };
}

const nothing = (set: string): RowInSet => ({ set, outcome: "unread", byIndex: false, values: null, problem: null });

/**
 * The values of a key as somebody typed them: `tenant=7,id=42`. A comma in a value is one, unless the next column's name follows.
 * @throws ConfigurationError `usage`
 */
export function parseKey(typed: string, key: readonly string[], table: string): Map<string, string> {
  const values = new Map<string, string>();
  let left = typed;
  for (const [place, column] of key.entries()) {
    const next = key[place + 1];
    const end = next === undefined ? left.length : left.indexOf(`,${next}=`);
    if (!left.startsWith(`${column}=`) || end < 0) {
      const form = key.map((name) => `${name}=…`).join(",");
      throw new ConfigurationError(
        "usage",
        `The key of ${table} is (${key.join(", ")}), and --key says something else.`,
        `Write --key '${form}'.`,
      );
    }
    values.set(column, left.slice(column.length + 1, end));
    left = left.slice(end + 1);
  }
  return values;
}

/** In which bucket a row with this key lies, in every set. @param values in the key's order */
function bucketOf(values: readonly string[]): number {
  const hasher = createRowHasher(values.length);
  hasher.push(Buffer.from(`${values.map(escapeCopy).join("\t")}\n`));
  return Number(BigInt.asUintN(64, BigInt(hasher.finish().hash)) & BigInt(bucketCount - 1));
}

/** What is known of the row in each set without reading it. Pure. */
function asBefore(steps: readonly InSet[], key: readonly string[], bucket: number): ("read" | "same" | "absent")[] {
  let before: { readonly sum: bigint; readonly columns: string } | undefined;
  return steps.map(({ state, problem }) => {
    const sums = state?.buckets && state.key?.join("\0") === key.join("\0") ? unpackBuckets(state.buckets) : undefined;
    // Where there is no index, or it tells nothing of this key, the rows do.
    if (sums === undefined) {
      before = undefined;
      return state === undefined && problem === null ? "absent" : "read";
    }
    const [sum, columns] = [sums[bucket] ?? 0n, state?.columns.join("\0") ?? ""];
    const same = before?.sum === sum && before.columns === columns;
    before = { sum, columns };
    return sum === 0n ? "absent" : same ? "same" : "read";
  });
}

async function readRow(
  vault: Vault,
  { manifest, state }: InSet,
  table: string,
  wanted: ReadonlyMap<string, string>,
  opening: Opening,
  signal: AbortSignal | undefined,
): Promise<RowInSet> {
  const { set, tier } = manifest;
  try {
    const open = await openSet(vault, { set, tier }, opening);
    const inventory = await open.inventory();
    const names = new Set(state?.parts.values() ?? [table]);
    for (const part of inventory.tables.filter((one) => names.has(tableName(one)))) {
      signal?.throwIfAborted();
      const values = await findRow(rows(open, inventory, part), part.columns, wanted);
      if (values === undefined) continue;
      const byColumn = new Map(part.columns.map((column, place) => [column, values[place] ?? null]));
      return { ...nothing(set), outcome: "there", values: byColumn };
    }
    return { ...nothing(set), outcome: "absent" };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof LifeboatError) || error instanceof ConfigurationError || error.code === "s3-unavailable")
      throw error;
    return { ...nothing(set), problem: `${error.message} ${error.next ?? ""}`.trim() };
  }
}

import { countOf, formatCount } from "../base/measures.ts";
import type { Policy } from "../config/policy/policy.ts";
import { tableName } from "../postgres/identifier.ts";
import {
  addBuckets,
  bucketCount,
  type Counters,
  type IndexedTable,
  type IndexHead,
  unpackBuckets,
} from "../vault/sets/table-index.ts";

/** A table as people see it, in one set: what is partitioned is one, its partitions added up. */
export interface TableState {
  readonly name: string;
  readonly rows: bigint;
  readonly hash: bigint;
  /** The tables that hold its rows, by OID and by name: itself, or its partitions. */
  readonly parts: ReadonlyMap<string, string>;
  /** Sorted. */
  readonly columns: readonly string[];
  /** Null: it has none, or its partitions have not the same. */
  readonly key: readonly string[] | null;
  /** Packed: most tables have a few rows. */
  readonly buckets: Buffer | null;
  readonly counters: { readonly [C in keyof Counters]: bigint } | null;
  readonly countedSince: string | null;
  readonly jumps: readonly boolean[];
}

/** The tables of one set, by what they are called. */
export class TableStates {
  readonly #states = new Map<string, TableState>();

  add(state: TableState): void {
    const known = this.#states.get(state.name);
    this.#states.set(state.name, known === undefined ? state : joined(known, state));
  }

  /** Of a table, or of the partitioned one that it is a part of. */
  get(table: string | Pick<IndexedTable, "schema" | "name" | "root">): TableState | undefined {
    return this.#states.get(typeof table === "string" ? table : tableName(table.root ?? table));
  }

  [Symbol.iterator](): IterableIterator<TableState> {
    return this.#states.values();
  }
}

/** @param only the names of those that are wanted; a partition's own name finds it alone */
export async function statesOf(
  { countedSince }: Pick<IndexHead, "countedSince">,
  tables: AsyncIterable<IndexedTable> | Iterable<IndexedTable>,
  only?: string,
): Promise<TableStates> {
  const states = new TableStates();
  for await (const table of tables) {
    const [own, whole] = [tableName(table), tableName(table.root ?? table)];
    if (only === undefined || only === whole) states.add(stateOf(table, whole, countedSince));
    else if (only === own) states.add(stateOf(table, own, countedSince));
  }
  return states;
}

function stateOf(table: IndexedTable, name: string, countedSince: string | null): TableState {
  const { rows, hash, oid, columns, key, buckets, counters, jumps } = table;
  return {
    ...{
      name,
      key,
      jumps,
      countedSince,
      rows: BigInt(rows),
      hash: BigInt(hash),
      parts: new Map([[oid, tableName(table)]]),
    },
    columns: columns.toSorted(),
    buckets,
    counters: counters && {
      inserted: BigInt(counters.inserted),
      updated: BigInt(counters.updated),
      deleted: BigInt(counters.deleted),
    },
  };
}

/** Rows of one key have one hash wherever they lie: the buckets of partitions add up, too. */
function joined(one: TableState, other: TableState): TableState {
  const key = one.key?.join("\0") === other.key?.join("\0") ? one.key : null;
  const more = other.buckets && unpackBuckets(other.buckets);
  return {
    ...one,
    ...{ rows: one.rows + other.rows, hash: one.hash + other.hash, key },
    parts: new Map([...one.parts, ...other.parts]),
    columns: [...new Set([...one.columns, ...other.columns])].sort(),
    buckets: key && one.buckets && more ? addBuckets(one.buckets, more) : null,
    counters: one.counters && other.counters && sum(one.counters, other.counters),
  };
}

type Counts = NonNullable<TableState["counters"]>;

function sum(one: Counts, other: Counts): Counts {
  return {
    inserted: one.inserted + other.inserted,
    updated: one.updated + other.updated,
    deleted: one.deleted + other.deleted,
  };
}

/** What is told of one table between two sets. */
export interface TableChange {
  /** Rows; null where the set has no such table. */
  readonly before: number | null;
  readonly now: number | null;
  /** Buckets that differ; null where they cannot be compared. */
  readonly differing: number | null;
  /** What the server counted in between; null where it began to count anew. */
  readonly counted: { readonly inserted: number; readonly updated: number; readonly deleted: number } | null;
  /** Other columns than before: then every row reads otherwise, and buckets tell nothing. */
  readonly reshaped: boolean;
  /** Rows that were inserted, updated or deleted. */
  readonly changed: Estimate;
  /** Of the rows of before: how many were updated or deleted. */
  readonly altered: number;
}

/** `exact`: nothing has changed. `about`: an estimate. `at-least`: more buckets differ than an estimate could be made of, or nothing else is known. */
export interface Estimate {
  readonly rows: number;
  readonly sure: "exact" | "about" | "at-least";
}

/**
 * Compares a table in two sets. Pure.
 *
 * Rows that changed are estimated by the buckets that differ (linear counting: d of 1,024 come from about -1024 ln(1 - d/1024)
 * rows, with an error of a tenth at the upper end), where all differ by what the server counted.
 */
export function changeBetween(before: TableState | undefined, now: TableState | undefined): TableChange {
  const [was, is] = [before && Number(before.rows), now && Number(now.rows)];
  if (before === undefined || now === undefined || was === undefined || is === undefined) {
    const rows = was ?? is ?? 0;
    const none = { differing: null, counted: null, reshaped: false, altered: was ?? 0 };
    return { before: was ?? null, now: is ?? null, ...none, changed: { rows, sure: "exact" } };
  }
  const reshaped = before.columns.join("\0") !== now.columns.join("\0");
  const comparable = !reshaped && before.key?.join("\0") === now.key?.join("\0");
  const differing = comparable ? differingBuckets(before.buckets, now.buckets) : null;
  const counted = countedBetween(before, now);
  const facts = { before: was, now: is, differing, counted, reshaped };
  if (!reshaped && before.hash === now.hash && was === is && (differing ?? 0) === 0)
    return { ...facts, changed: { rows: 0, sure: "exact" }, altered: 0 };
  const changed = estimated(differing, counted, was, is);
  const least = Math.max(0, was - is);
  const counts = counted !== null && total(counted) > 0 ? counted.updated + counted.deleted : undefined;
  const told = counts === undefined ? changed.rows - Math.max(0, is - was) : Math.min(counts, changed.rows);
  return { ...facts, changed, altered: Math.min(was, Math.max(least, told)) };
}

function differingBuckets(one: Buffer | null, other: Buffer | null): number | null {
  const [before, now] = [one && unpackBuckets(one), other && unpackBuckets(other)];
  if (!before || !now) return null;
  let differing = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) if (before[bucket] !== now[bucket]) differing++;
  return differing;
}

function countedBetween(before: TableState, now: TableState): TableChange["counted"] {
  const same = before.countedSince === now.countedSince && [...before.parts.keys()].every((oid) => now.parts.has(oid));
  if (!same || before.counters === null || now.counters === null) return null;
  const [then, since] = [before.counters, now.counters];
  const inserted = Number(since.inserted - then.inserted);
  const updated = Number(since.updated - then.updated);
  const deleted = Number(since.deleted - then.deleted);
  return inserted < 0 || updated < 0 || deleted < 0 ? null : { inserted, updated, deleted };
}

function total({ inserted, updated, deleted }: NonNullable<TableChange["counted"]>): number {
  return inserted + updated + deleted;
}

/** From how many rows on it is to be expected that every bucket differs: 1,024 × ln 1,024. */
const allDiffer = 7098;

function estimated(differing: number | null, counted: TableChange["counted"], was: number, is: number): Estimate {
  const least = Math.max(1, Math.abs(is - was));
  const counts = counted === null ? 0 : total(counted);
  // A row that was updated twice is one row, and counted twice.
  const most = Math.max(least, was + (counted === null ? is : Math.min(is, counted.inserted)));
  if (differing !== null && differing < bucketCount) {
    const rows = Math.round(-bucketCount * Math.log(1 - differing / bucketCount));
    return { rows: Math.min(most, Math.max(least, counts > 0 ? Math.min(rows, counts) : rows)), sure: "about" };
  }
  const floor = differing === null ? least : Math.max(least, Math.min(most, allDiffer));
  // The server counts late, never early: fewer than what the buckets show is not all.
  if (counts >= floor / 2) return { rows: Math.min(most, Math.max(counts, least)), sure: "about" };
  return { rows: floor, sure: "at-least" };
}

/** A table of which so much has changed that people hear of it. */
export interface TableJump extends Pick<TableChange, "before" | "now" | "altered"> {
  readonly table: string;
  readonly how: "gone" | "lost" | "altered";
  /** In one sentence for people. No value of a row is in it. */
  readonly what: string;
}

/** So many of the latest comparisons make a jump usual: nobody hears of it again. */
const usual = 3;

/**
 * The tables that lost, or of which changed, more than the policy finds believable; the largest first. A table that does so again and
 * again is left out.
 * @returns `jumped` tells of each table whether it was beyond the bounds, a usual one included
 */
export function jumpsBetween(
  before: TableStates,
  now: TableStates,
  policy: Policy["backup"]["jumps"],
): { jumps: TableJump[]; jumped: (table: Pick<IndexedTable, "schema" | "name" | "root">) => boolean } {
  const beyond = new Set<string>();
  const jumps: TableJump[] = [];
  for (const state of before) {
    const jump = jumpOf(state.name, changeBetween(state, now.get(state.name)), policy);
    if (jump === undefined) continue;
    beyond.add(state.name);
    const isUsual = state.jumps.filter((one) => one).length >= usual;
    if (!isUsual && !policy.ignore.includes(state.name)) jumps.push(jump);
  }
  jumps.sort((a, b) => sizeOf(b) - sizeOf(a));
  return { jumps, jumped: (table) => beyond.has(tableName(table.root ?? table)) };
}

const sizeOf = ({ before, now, altered }: TableJump): number => Math.max(altered, (before ?? 0) - (now ?? 0));

/** Whether a change is beyond the bounds, and what is said of it. */
export function jumpOf(
  table: string,
  { before, now, altered, changed }: TableChange,
  { leastRows, lostShare, changedShare }: Policy["backup"]["jumps"],
): TableJump | undefined {
  if (before === null || before < leastRows) return undefined;
  const facts = { table, before, now, altered };
  const lost = before - (now ?? 0);
  if (now === null) return { ...facts, how: "gone", what: `${table} is gone, with its ${countOf(before, "row")}` };
  if (lost >= leastRows && lost >= before * lostShare)
    return {
      ...facts,
      how: "lost",
      what: `${table} has ${formatCount(lost)} rows less: ${formatCount(now)} of ${formatCount(before)}`,
    };
  if (altered < leastRows || altered < before * changedShare) return undefined;
  const how = changed.sure === "at-least" ? "at least" : "about";
  return {
    ...facts,
    how: "altered",
    what: `${how} ${formatCount(altered)} of the ${countOf(before, "row")} of ${table} were changed`,
  };
}

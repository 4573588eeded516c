import { tableName } from "../identifier.ts";
import type { TableContent } from "../inventory/model.ts";

type PlannedTable = Pick<TableContent, "schema" | "name" | "oid" | "bytes">;

/** One pg_dump run and the artifact that it becomes. */
export interface DumpGroup {
  /** `01-public.exams`, `04-rest`: the number keeps names apart, the rest tells a person what is inside. */
  readonly name: string;
  readonly kind: "data" | "large-objects";
  /** Tables whose rows must be in it. */
  readonly tables: readonly PlannedTable[];
  /** `only`: just the tables. `rest`: everything that is in no other group, sequences included. */
  readonly selection: "only" | "rest" | "large-objects";
  /** Bytes on disk: what planning and progress go by. */
  readonly bytes: number;
}

interface PlanLimits {
  readonly largeTableBytes: number;
  readonly groupBytes: number;
  /** Dumps at the same time. */
  readonly jobs: number;
}

/**
 * Below this a dump is not worth a process and a connection of its own: reading the catalogue again costs 0.15 to 0.2 s of
 * CPU time (an empty Supabase project), as much as 30 MB of rows.
 */
const smallestGroupBytes = 128 * 1024 * 1024;

/**
 * Each pg_dump reads the whole catalogue again, seconds of it with 20,000 tables: in a huge database a dump, or a table
 * that gets its own, has at least this share of all bytes.
 */
const smallestShare = 1 / 500;

/**
 * Divides the tables among dumps: each large table alone, small ones gathered by size. The last group of tables takes what
 * is in none of the others by exclusion, so a table that this plan doesn't know of still lands in one. Groups come largest
 * first: the longest dump starts first.
 */
export function planDump(
  tables: readonly PlannedTable[],
  largeObjects: { readonly count: number; readonly bytes: number },
  limits: PlanLimits,
): DumpGroup[] {
  const sorted = tables.toSorted((a, b) => b.bytes - a.bytes || compare(a, b));
  const least = Math.ceil(total(sorted) * smallestShare);
  const large = sorted.filter(({ bytes }) => bytes >= Math.max(limits.largeTableBytes, least));
  const small = sorted.slice(large.length);
  // Two groups a job: enough for all jobs to end at about the same time.
  const share = Math.ceil(total(small) / (limits.jobs * 2));
  const gathered = gather(small, Math.max(least, Math.min(limits.groupBytes, Math.max(share, smallestGroupBytes))));
  const rest = gathered.pop() ?? [];
  const drafts: Omit<DumpGroup, "name">[] = [
    ...large.map((table) => draft("only", [table])),
    ...gathered.map((group) => draft("only", group)),
  ];
  if (largeObjects.count > 0) {
    drafts.push({ kind: "large-objects", selection: "large-objects", tables: [], bytes: largeObjects.bytes });
  }
  drafts.sort((a, b) => b.bytes - a.bytes);
  // Last, because it is defined by what the others hold.
  drafts.push(draft("rest", rest));
  return drafts.map((group, index) => ({ ...group, name: `${String(index + 1).padStart(2, "0")}-${title(group)}` }));
}

/** The tables that a `rest` group must leave to the others. */
export function tablesOfOthers(groups: readonly DumpGroup[], rest: DumpGroup): PlannedTable[] {
  return groups.filter((group) => group !== rest).flatMap((group) => group.tables);
}

function gather(sorted: readonly PlannedTable[], groupBytes: number): PlannedTable[][] {
  const groups: PlannedTable[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const table of sorted) {
    if (bytes + table.bytes > groupBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(table);
    bytes += table.bytes;
  }
  return groups;
}

function draft(selection: "only" | "rest", tables: readonly PlannedTable[]): Omit<DumpGroup, "name"> {
  return { kind: "data", selection, tables, bytes: total(tables) };
}

function total(tables: readonly PlannedTable[]): number {
  return tables.reduce((sum, { bytes }) => sum + bytes, 0);
}

function title(group: Omit<DumpGroup, "name">): string {
  if (group.selection !== "only") return group.selection;
  const [only, ...more] = group.tables;
  return more.length === 0 && only !== undefined ? fileName(tableName(only)) : "tables";
}

/** What S3 keys, shells and people all take: other characters become `_`; the number in front keeps names unique. */
function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 100);
}

function compare(a: PlannedTable, b: PlannedTable): number {
  const [left, right] = [tableName(a), tableName(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

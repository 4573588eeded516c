import type { Client } from "pg";
import { z } from "zod";
import { quoteQualified, tableName } from "../identifier.ts";
import type { Inventory, SequenceValue, TableContent } from "../inventory/model.ts";
import { pathStatement, readingPaths } from "../inventory/name-lookup.ts";
import { isVaultSecrets } from "../inventory/vault-secrets.ts";
import { askTogether } from "./fingerprint.ts";

/** Pages of a table's heap from `from` up to `to`, without it; the last slice has no end, whatever was added since. */
export interface Slice {
  readonly from: number;
  readonly to: number | undefined;
  /** Search path under which a query on the table can be planned, where it is another than the session's. */
  readonly path: string | undefined;
}

/** One file of rows: a slice of one table, or one table or several whole ones. */
export interface DataFile {
  /** In the set, e.g. `data/01-public.exams.003.sql.zst.pgp`. The number keeps names apart, the rest tells a person what is inside. */
  readonly name: string;
  readonly kind: "data" | "extension-rows";
  /** In the order of the blocks. */
  readonly tables: readonly TableContent[];
  readonly slice?: Slice;
  /** Bytes on disk: what planning and progress go by. */
  readonly bytes: number;
}

/** What is known of a table whose rows can be read by ranges of pages. */
export interface Heap extends Pick<Slice, "path"> {
  readonly pages: number;
}

interface PlanLimits {
  /** Policy: bytes on disk that a file is to have at most, as far as tables can be cut. */
  readonly sliceBytes: number;
  /** Files that are read at the same time. */
  readonly jobs: number;
}

const MiB = 1024 * 1024;
/** Lanes end at about the same time when each has taken several files. */
const filesPerLane = 4;
/** Not worth a file, and its requests to the store, of its own. */
const smallest = 4 * MiB;
/** The manifest names every file. */
const mostFiles = 2000;
/** What a table costs beside its rows: its statement, its answer. */
const perTable = 8192;

/**
 * Divides the rows of all tables that a set carries among files.
 * @param client under the set's snapshot, with its locks: no page moves any more
 * @param unasked `schema.table` of those that no query may name: they come whole
 * @throws the driver's error
 */
export async function planFiles(
  client: Client,
  inventory: Inventory,
  unasked: ReadonlySet<string>,
  limits: PlanLimits,
): Promise<DataFile[]> {
  const tables = inventory.tables.filter(({ carried }) => carried);
  const most = fileBytes(tables, limits);
  const large = tables.filter((table) => table.bytes > most && table.filter === null && !unasked.has(tableName(table)));
  const heaps = large.length === 0 ? new Map() : await cuttable(client, large, readingPaths(inventory));
  const ofExtensions = extensionTables(inventory);
  const files = planData(tables, heaps, limits);
  return ofExtensions.length === 0 ? files : [...files, extensionFile(ofExtensions)];
}

const heapsQuery = `
  select c.oid::int8::text as oid, (pg_relation_size(c.oid) / current_setting('block_size')::int8)::float8 as pages
    from pg_class c join pg_am a on a.oid = c.relam
   where a.amname = 'heap' and c.oid = any ($1::oid[])`;
const heapSchema = z.object({ oid: z.string(), pages: z.number() });

/** Heaps of which the server can read a range of pages without reading the rest: under the session's search path, or a wider one. */
async function cuttable(
  client: Client,
  tables: readonly TableContent[],
  paths: readonly string[],
): Promise<Map<string, Heap>> {
  const { rows } = await client.query(heapsQuery, [tables.map(({ oid }) => oid)]);
  const pages = new Map(
    z
      .array(heapSchema)
      .parse(rows)
      .map((heap) => [heap.oid, heap.pages]),
  );
  const found = new Map<string, Heap>();
  for (const path of [undefined, ...paths]) {
    const left = tables.filter(({ oid }) => pages.has(oid) && !found.has(oid));
    const together = await explain(client, left, path);
    for (const [place, table] of left.entries()) {
      const plan = together === undefined ? (await explain(client, [table], path))?.[0] : together[place];
      if (plan?.startsWith("Tid Range Scan")) found.set(table.oid, { pages: pages.get(table.oid) ?? 0, path });
    }
  }
  return found;
}

/** The first line of each plan; undefined when one cannot be planned: somebody's function in an index does not work. */
async function explain(
  client: Client,
  tables: readonly TableContent[],
  path: string | undefined,
): Promise<string[] | undefined> {
  if (tables.length === 0) return [];
  const plans = tables.map(
    ({ schema, name }) =>
      `explain (costs off) select from only ${quoteQualified(schema, name)} where ctid >= '(1,0)'::tid and ctid < '(2,0)'::tid`,
  );
  const before = path === undefined ? [] : [pathStatement(path)];
  const answers = await askTogether(client, [...before, ...plans]);
  return answers
    ?.slice(before.length)
    .map(([line]) => z.object({ "QUERY PLAN": z.string() }).parse(line)["QUERY PLAN"]);
}

/** Bytes on disk that a file is to have, and above which a table is cut. */
export function fileBytes(tables: readonly TableContent[], { sliceBytes, jobs }: PlanLimits): number {
  const all = total(tables);
  return Math.max(Math.min(sliceBytes, Math.max(smallest, all / (jobs * filesPerLane))), all / mostFiles);
}

/**
 * Divides tables among files: a large one is cut into slices, small ones are gathered. Files come largest first. Pure.
 * @param heaps by OID: the tables that can be cut
 */
export function planData(
  tables: readonly TableContent[],
  heaps: ReadonlyMap<string, Heap>,
  limits: PlanLimits,
): DataFile[] {
  const sorted = tables.toSorted((a, b) => b.bytes - a.bytes || compare(tableName(a), tableName(b)));
  const most = fileBytes(sorted, limits);
  const groups: Omit<DataFile, "name">[][] = [];
  const small: TableContent[] = [];
  for (const table of sorted) {
    const heap = heaps.get(table.oid);
    const slices = heap === undefined ? 1 : Math.min(Math.round(table.bytes / most), heap.pages);
    if (heap !== undefined && slices > 1) groups.push(cut(table, heap, slices));
    else small.push(table);
  }
  groups.push(...gather(small, most).map((some) => [whole("data", some)]));
  groups.sort((a, b) => sizeOf(b) - sizeOf(a));
  const digits = Math.max(2, String(groups.length + 1).length); // the sequences come behind them
  return groups.flatMap((files, index) => {
    const title = `${String(index + 1).padStart(digits, "0")}-${titleOf(files[0]?.tables ?? [])}`;
    return files.map((file, slice) => ({ ...file, name: nameOf(title, file.slice && slice + 1) }));
  });
}

/** Tables with rows of their own that pg_dump leaves to their extension, the smallest first: what others hang on is small. */
function extensionTables({ tables }: Pick<Inventory, "tables">): TableContent[] {
  return tables.filter((table) => !table.carried && !isVaultSecrets(table)).sort((a, b) => a.bytes - b.bytes);
}

/** The rows of extensions' own tables, in the order given. */
export function extensionFile(tables: readonly TableContent[]): DataFile {
  return { ...whole("extension-rows", tables), name: nameOf("extensions") };
}

/**
 * The values of sequences by the files that they come in. Those of extensions' own tables lie apart: who restores by hand has to
 * make the tables first.
 * @param files of rows, whose numbers theirs follow
 */
export function sequenceFiles(
  sequences: readonly SequenceValue[],
  files: readonly DataFile[] = [],
): [name: string, values: SequenceValue[]][] {
  const divided: [string, SequenceValue[]][] = [
    [sequencesName(files), sequences.filter(({ countsFor }) => countsFor === undefined)],
    [extensionSequencesName, sequences.filter(({ countsFor }) => countsFor !== undefined)],
  ];
  return divided.filter(([, values]) => values.length > 0);
}

/** Of the values of sequences, which come behind the rows. */
export function sequencesName(files: readonly DataFile[]): string {
  const last = files.filter(({ kind }) => kind === "data").map(({ name }) => /^data\/(\d+)-/.exec(name)?.[1] ?? "");
  const [digits = 2, number = 0] = [last[0]?.length, Math.max(0, ...last.map(Number))];
  return nameOf(`${String(number + 1).padStart(digits, "0")}-sequences`);
}

const extensionSequencesName = nameOf("extensions-sequences");

/** Another name for a file that has to be stored again: of the first try, something may be there already. */
export function nameOfTry({ name }: DataFile, attempt: number): string {
  return attempt === 1 ? name : name.replace(/((?:\.\d{3,})?\.sql\.zst\.pgp)$/, `.try${attempt}$1`);
}

function nameOf(title: string, slice?: number): string {
  const number = slice === undefined ? "" : `.${String(slice).padStart(3, "0")}`;
  return `data/${title}${number}.sql.zst.pgp`;
}

function cut(table: TableContent, { pages, path }: Heap, slices: number): Omit<DataFile, "name">[] {
  const at = (slice: number): number => Math.floor((pages * slice) / slices);
  return Array.from({ length: slices }, (_, slice) => ({
    ...{ kind: "data" as const, tables: [table], bytes: table.bytes / slices },
    slice: { from: at(slice), to: slice + 1 === slices ? undefined : at(slice + 1), path },
  }));
}

function whole(kind: DataFile["kind"], tables: readonly TableContent[]): Omit<DataFile, "name"> {
  return { kind, tables, bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function gather(sorted: readonly TableContent[], most: number): TableContent[][] {
  const groups: TableContent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const table of sorted) {
    const more = total([table]);
    if (bytes + more > most) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(table);
    bytes += more;
  }
  return groups;
}

function total(tables: readonly TableContent[]): number {
  return tables.reduce((sum, { bytes }) => sum + bytes + perTable, 0);
}

function sizeOf(files: readonly Omit<DataFile, "name">[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function titleOf([only, ...more]: readonly TableContent[]): string {
  return more.length === 0 && only !== undefined ? fileName(tableName(only)) : "tables";
}

/** What S3 keys, shells and people all take: other characters become `_`; the number in front keeps names unique. */
function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 100);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

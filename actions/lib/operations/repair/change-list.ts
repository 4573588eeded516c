import { z } from "zod";
import { count, setId } from "../../vault/format/manifest.ts";

/**
 * A change list: what a repair writes, row by row, as NDJSON that people can read and sign off. One mechanism for all of it: an undo
 * is the list reversed, and redo the reverse of that. It says what is and what shall be, and knows nothing of sets.
 *
 * The first line is the header, then a line for each change or conflict, the last line is the trailer. Cells longer than
 * `longCell` go ahead of their change, in lines of pieces.
 */
export const listFormat = "lifeboat-repair/1";

/** A value as COPY's text format writes the field, its escapes included; null: NULL. */
export type Cell = string | null;

const name = z.string().min(1);

const listedTable = z.strictObject({
  schema: name,
  name,
  /** Stored, not generated columns: what cells are in the order of. */
  columns: z.array(name),
  /** By what a row is found. Null: the table has no key, and rows come and go whole. */
  key: z.array(name).min(1).nullable(),
});
export type ListedTable = z.infer<typeof listedTable>;

const headerSchema = z.strictObject({
  format: z.literal(listFormat),
  id: setId,
  kind: z.enum(["plan", "undo"]),
  /** The repair that an undo takes back. */
  of: setId.nullable(),
  /** Whose rows these are; null: the database is no project of Supabase's. */
  project: z.string().nullable(),
  /** Where the good rows come from. */
  sets: z.array(z.string()),
  /** ISO 8601, UTC. */
  madeAt: z.iso.datetime(),
  /** What was chosen, in words. May hold values of rows: it is sealed with them. */
  selection: z.string(),
  tables: z.array(listedTable).min(1),
});
export type ListHeader = z.infer<typeof headerSchema>;

/** A row that comes: whole, in the order of the table's columns. */
export interface Insert {
  readonly t: number;
  readonly op: "insert";
  readonly after: readonly Cell[];
}

/** A row that goes: whole, as it is now. */
export interface Delete {
  readonly t: number;
  readonly op: "delete";
  readonly before: readonly Cell[];
}

/** Cells of a row that change; the row is the one that has this key. */
export interface Update {
  readonly t: number;
  readonly op: "update";
  readonly key: readonly Cell[];
  /** Which columns change: ascending positions among the table's, none of the key. */
  readonly columns: readonly number[];
  /** As they are now, in the order of `columns`. */
  readonly before: readonly Cell[];
  readonly after: readonly Cell[];
}

export type Change = Insert | Delete | Update;

/** A row that is not changed, and why, for whoever reads the list. Nothing is done with it. */
export interface Conflict {
  readonly t: number;
  /** E.g. `edited-since`. */
  readonly conflict: string;
  /** In the order of the table's key; the whole row where there is none. */
  readonly key: readonly Cell[];
}

const tableCounts = z.strictObject({
  updates: count,
  inserts: count,
  deletes: count,
  /** By code. */
  conflicts: z.record(z.string(), count),
});
export type TableCounts = z.infer<typeof tableCounts>;

const trailerSchema = z.strictObject({
  /** In the order of the header's tables. */
  end: z.array(tableCounts),
});

/** Longer cells go in pieces, so that a line stays far below what a string can hold, whatever is in a row. */
export const longCell = 64 * 1024;
const pieceLength = 1024 * 1024;

const lineCell = z.union([z.string(), z.null(), z.strictObject({ pieces: count })]);
type LineCell = z.infer<typeof lineCell>;
const cells = z.array(lineCell);
const lineSchema = z.union([
  z.strictObject({
    t: count,
    op: z.literal("update"),
    key: cells,
    columns: z.array(count),
    before: cells,
    after: cells,
  }),
  z.strictObject({ t: count, op: z.literal("insert"), after: cells }),
  z.strictObject({ t: count, op: z.literal("delete"), before: cells }),
  z.strictObject({ t: count, conflict: z.string().regex(/^[a-z][a-z-]*$/), key: cells }),
  z.strictObject({ piece: z.string() }),
  trailerSchema,
]);
type Line = z.infer<typeof lineSchema>;
export type ListLine = Exclude<Line, { piece: string }>;

/** @throws ZodError when it is no header */
export const parseHeader = (line: unknown): ListHeader => headerSchema.parse(line);

/** One line as it was written, its long cells still in pieces. @throws ZodError when it is none */
export const parseLine = (line: unknown): Line => lineSchema.parse(line);

/** The lines of a change or conflict: those of its long cells, then its own. */
export function* linesOf(one: Change | Conflict): Generator<string, void, undefined> {
  const pieces: string[] = [];
  const toLine = (cell: Cell): LineCell => {
    if (cell === null || cell.length <= longCell) return cell;
    const own = Math.ceil(cell.length / pieceLength);
    for (let at = 0; at < own; at++) pieces.push(cell.slice(at * pieceLength, (at + 1) * pieceLength));
    return { pieces: own };
  };
  const rows = "conflict" in one ? { key: one.key.map(toLine) } : rowsOf(one, toLine);
  const { key: _key, before: _before, after: _after, ...rest } = { key: [], before: [], after: [], ...one };
  for (const piece of pieces) yield JSON.stringify({ piece });
  yield JSON.stringify({ ...rest, ...rows });
}

/** The rows of a change, in the order in which their pieces are written. */
function rowsOf(change: Change, toLine: (cell: Cell) => LineCell): Record<string, LineCell[]> {
  if (change.op === "insert") return { after: change.after.map(toLine) };
  if (change.op === "delete") return { before: change.before.map(toLine) };
  const key = change.key.map(toLine);
  const before = change.before.map(toLine);
  return { key, before, after: change.after.map(toLine) };
}

/** Puts the long cells of a line together again. @throws RangeError when other pieces came than it names */
export function joinCells(line: Exclude<ListLine, { end: unknown }>, pieces: readonly string[]): Change | Conflict {
  let taken = 0;
  const join = (some: readonly LineCell[]): Cell[] =>
    some.map((cell) => {
      if (cell === null || typeof cell === "string") return cell;
      taken += cell.pieces;
      return pieces.slice(taken - cell.pieces, taken).join("");
    });
  const joined = joinFields(line, join);
  if (taken !== pieces.length) throw new RangeError("other pieces came than the line names");
  return joined;
}

function joinFields(
  line: Exclude<ListLine, { end: unknown }>,
  join: (some: readonly LineCell[]) => Cell[],
): Change | Conflict {
  if ("conflict" in line) return { ...line, key: join(line.key) };
  if (line.op === "insert") return { ...line, after: join(line.after) };
  if (line.op === "delete") return { ...line, before: join(line.before) };
  const key = join(line.key);
  const before = join(line.before);
  return { ...line, key, before, after: join(line.after) };
}

/** Whether a line fits the tables of its header. @returns what is wrong with it; undefined: nothing */
export function misfit({ tables }: Pick<ListHeader, "tables">, one: Change | Conflict): string | undefined {
  const table = tables[one.t];
  if (table === undefined) return "it is of a table that the header does not have";
  const { columns, key } = table;
  if ("conflict" in one)
    return one.key.length === (key ?? columns).length ? undefined : "its key has another number of columns";
  if (one.op !== "update") {
    const row = one.op === "insert" ? one.after : one.before;
    if (row.length !== columns.length) return "its row has another number of columns";
    const empty = key?.some((column) => row[columns.indexOf(column)] === null) === true;
    return empty ? "its key is null" : undefined;
  }
  if (key === null) return "it changes cells of a table that has no key";
  if (one.key.length !== key.length || one.key.includes(null)) return "its key has another number of columns";
  const ascending = one.columns.every((place, at) => at === 0 || place > (one.columns[at - 1] ?? place));
  const known = one.columns.every((place) => place < columns.length && !key.includes(columns[place] ?? ""));
  if (one.columns.length === 0 || !ascending || !known) return "it does not say which columns it changes";
  const complete = one.before.length === one.columns.length && one.after.length === one.columns.length;
  return complete ? undefined : "it has not a value for each column that it changes";
}

export const noCounts = (): TableCounts => ({ updates: 0, inserts: 0, deletes: 0, conflicts: {} });

/** Counts a line, in place. */
export function countLine(counts: TableCounts[], one: Change | Conflict): void {
  const of = counts[one.t];
  if (of === undefined) return;
  if ("conflict" in one) of.conflicts[one.conflict] = (of.conflicts[one.conflict] ?? 0) + 1;
  else of[`${one.op}s`]++;
}

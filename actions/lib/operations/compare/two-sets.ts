import { ConfigurationError } from "../../base/errors.ts";
import type { Track } from "../../base/log.ts";
import { tableName } from "../../postgres/identifier.ts";
import { type Choice, findDiffering, goodHashes } from "./find-differing.ts";
import type { GoodSide } from "./good-side.ts";
import type { HashSet64 } from "./hash-tables.ts";
import { rowsOf } from "./load-rows.ts";
import { type ColumnMatch, chooseColumns, chooseKey, matchColumns } from "./match-columns.ts";

/** What differs between two sets' rows of a table, without any database. */
export interface SetsDifference {
  readonly match: ColumnMatch;
  readonly key: readonly string[] | null;
  readonly counts: {
    readonly equal: number;
    readonly missing: number;
    readonly changed: number;
    readonly added: number;
  };
  /** Of the changed rows that were looked at, which differ in a column. */
  readonly byColumn: readonly { readonly column: string; readonly rows: number }[];
  /** How many changed rows were looked at: all of them, or a sample by the hash of their keys. */
  readonly looked: number;
}

/** Changed rows whose cells are compared, and bytes of them on each side. */
const [mostRows, mostBytes] = [20_000, 32 * 1024 * 1024];

/**
 * Compares by hashes, and then cell by cell as many of the changed rows as fit into memory. Which columns differ in rows without a
 * key cannot be told.
 * @param columns that are compared beside the key
 * @throws ConfigurationError `columns-differ`, `column-unknown`; what the sides throw
 */
export async function compareSets(
  table: { readonly schema: string; readonly name: string },
  good: GoodSide,
  other: GoodSide,
  columns?: readonly string[],
  track?: Track,
): Promise<SetsDifference> {
  const present = [...new Set(other.pieces.flatMap((piece) => piece.columns))].filter((name) =>
    other.pieces.every((piece) => piece.columns.includes(name)),
  );
  const typed = present.map((name) => ({ name, type: other.types.get(name) ?? good.types.get(name) ?? "" }));
  const all = matchColumns(
    good.pieces.map((piece) => piece.columns),
    good.types,
    typed,
    true,
  );
  if (all.both.length === 0 && present.length > 0) {
    throw new ConfigurationError(
      "columns-differ",
      `${tableName(table)} has no column that ${good.what} and ${other.what} both have.`,
      "Compare sets between which the table was not made anew (`lifeboat list`).",
    );
  }
  const key = chooseKey(all.both, other.key, good.key);
  const choice = { key, columns: chooseColumns(all.both, key, columns, table) };
  const differing = await findDiffering(
    (take) => goodHashes(good, choice, take),
    (take) => goodHashes(other, choice, take),
    key !== null,
    track,
  );
  const { counts, keys, liveRows } = differing;
  const cells =
    key === null || counts.changed === 0
      ? { byColumn: [], looked: 0 }
      : await compareCells(good, other, choice, sampleOf(keys, counts.missing + counts.changed + counts.added));
  return {
    ...{ match: { ...all, both: choice.columns }, key, ...cells },
    counts: { ...counts, equal: liveRows - counts.changed - counts.added },
  };
}

type Sample = Pick<HashSet64, "has">;

/** Keys by their hash, which says nothing of the rows: all, or as large a share as is looked at. */
function sampleOf(keys: HashSet64 | undefined, many: number): Sample {
  const most = Math.floor(Math.min(1, mostRows / Math.max(many, 1)) * 0xffff_ffff);
  return { has: (low, high) => high >>> 0 <= most && (keys === undefined || keys.has(low, high)) };
}

async function compareCells(
  good: GoodSide,
  other: GoodSide,
  choice: Choice,
  sample: Sample,
): Promise<Pick<SetsDifference, "byColumn" | "looked">> {
  const before = await readCells(good, choice, sample);
  const after = await readCells(other, choice, sample);
  const differing = new Map<string, number>();
  let looked = 0;
  for (const [key, cells] of before) {
    const now = after.get(key);
    const columns = now === undefined ? [] : choice.columns.filter((_, place) => cells[place] !== now[place]);
    if (columns.length > 0) looked += 1;
    for (const column of columns) differing.set(column, (differing.get(column) ?? 0) + 1);
  }
  const byColumn = [...differing].map(([column, rows]) => ({ column, rows })).sort((a, b) => b.rows - a.rows);
  return { byColumn, looked };
}

/** By the text of their key; cells in the order of what is compared. Ends early when they are too many bytes. */
async function readCells(side: GoodSide, { key, columns }: Choice, sample: Sample): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  let bytes = 0;
  for (const piece of side.pieces) {
    const places = (some: readonly string[]) => some.map((name) => piece.columns.indexOf(name));
    const [keyPlaces, cellPlaces] = [places(key ?? []), places(columns)];
    for await (const chunk of rowsOf(piece, { key, columns }, sample)) {
      bytes += chunk.length;
      if (bytes > mostBytes) return found;
      for (const line of Buffer.from(chunk).toString("latin1").split("\n").slice(0, -1)) {
        const fields = line.split("\t");
        const pick = (some: readonly number[]) => some.map((place) => fields[place] ?? "");
        found.set(pick(keyPlaces).join("\t"), pick(cellPlaces));
      }
    }
  }
  return found;
}

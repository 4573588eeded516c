import { ConfigurationError } from "../../base/errors.ts";
import { few } from "../../base/measures.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { LiveColumn } from "./live-table.ts";

/** How columns of the good side and of the live table lie to each other. */
export interface ColumnMatch {
  /** What is compared: columns that both have, in the live table's order. */
  readonly both: readonly string[];
  /** The live table alone has them. */
  readonly came: readonly string[];
  /** The good side alone has them. */
  readonly went: readonly string[];
  /** Both have them, with another type; they are compared in the live table's, or left out where a value does not fit. */
  readonly retyped: readonly {
    readonly name: string;
    readonly was: string;
    readonly is: string;
    readonly compared: boolean;
  }[];
}

/**
 * Pure.
 * @param pieces columns of each part of the good side: partitions have them in orders of their own
 * @param types of the good side's columns, as far as they are known
 * @param fits false: columns of another type are left out
 */
export function matchColumns(
  pieces: readonly (readonly string[])[],
  types: ReadonlyMap<string, string>,
  live: Iterable<Pick<LiveColumn, "name" | "type">>,
  fits: boolean,
): ColumnMatch {
  const columns = [...live];
  const everywhere = (name: string) => pieces.every((piece) => piece.includes(name));
  const shared = columns.filter(({ name }) => everywhere(name));
  const retyped = shared.flatMap(({ name, type }) => {
    const was = types.get(name) ?? type;
    return was === type ? [] : [{ name, was, is: type, compared: fits }];
  });
  const out = new Set(retyped.filter(({ compared }) => !compared).map(({ name }) => name));
  const there = new Set(columns.map(({ name }) => name));
  return {
    both: shared.map(({ name }) => name).filter((name) => !out.has(name)),
    came: columns.map(({ name }) => name).filter((name) => !everywhere(name)),
    went: [...new Set(pieces.flat())].filter((name) => !there.has(name)),
    retyped,
  };
}

/**
 * By what rows are told apart: what does it in the live table now, else what did it on the good side; undefined where one side
 * lacks a column of it. Pure.
 */
export function chooseKey(
  both: readonly string[],
  live: readonly string[] | null,
  good: readonly string[] | null,
): readonly string[] | null {
  return [live, good].find((key) => key?.every((column) => both.includes(column)) === true) ?? null;
}

/**
 * The key's columns and those that a person has named, or all. Pure.
 * @throws ConfigurationError `column-unknown`
 */
export function chooseColumns(
  both: readonly string[],
  key: readonly string[] | null,
  wanted: readonly string[] | undefined,
  table: { readonly schema: string; readonly name: string },
): readonly string[] {
  if (wanted === undefined) return both;
  const unknown = wanted.filter((name) => !both.includes(name));
  if (unknown.length === 0) return both.filter((name) => wanted.includes(name) || key?.includes(name) === true);
  throw new ConfigurationError(
    "column-unknown",
    `${few(unknown, 3)}: no column of that name of ${tableName(table)} can be compared on both sides.`,
    `Those that can: ${few(both, 20)}.`,
  );
}

const columnLine = /^ {2}column (?<name>"(?:[^"]|"")*"|\S+) (?<rest>.*)$/;
/** What may stand behind the type in an inventory's line of a column. */
const behindType =
  / (?:collate|not null|identity|generated|default|storage|compression|statistics|options|fdw options|inherited|comment)\b.*$/;

/** The types of a table's columns, out of its definition in an inventory. Pure. */
export function typesIn(definition: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of definition.split("\n")) {
    const { name, rest } = columnLine.exec(line)?.groups ?? {};
    if (name === undefined || rest === undefined) continue;
    const plain = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
    if (!found.has(plain)) found.set(plain, rest.replace(behindType, ""));
  }
  return found;
}

import { betweenValues, nullMark, pieceBytes, type RowInput } from "./memory.ts";
import { Instance, ordinaryInput, pairingForm } from "./row-hash.ts";

/** What of the rows of a table is hashed, to compare them one by one with those of a database. */
export interface Pairing {
  /** Places, from 0, of the key's columns in the key's order; null where the compared part of the row is its key. */
  readonly key: readonly number[] | null;
  /** Places of what is compared, in the order in which it is; all of the row by default. */
  readonly row?: readonly number[];
  /**
   * Told the hash of each row's key and, behind it, that of what is compared, in the order of the rows, many rows at a time.
   * Both are what the server has as `hashOfValues`. Valid during the call only.
   */
  readonly pairs: (pairs: BigInt64Array) => void;
}

export interface PairHasher {
  /** As that of a `RowHasher`, and with the same errors. */
  push(chunk: Uint8Array): void;
  finish(): { readonly rows: string };
}

/** @param input as of `createRowHasher` */
export function createPairHasher(
  columns: number,
  input: RowInput | undefined,
  { key, row, pairs }: Pairing,
): PairHasher {
  const instance = Instance.take(pairingForm, columns, input ?? ordinaryInput());
  instance.choose(key ?? [], row);
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const some = instance.takePairs(chunk.subarray(at, at + pieceBytes));
        if (some.length > 0) pairs(some);
      }
    },
    finish: () => ({ rows: instance.finish().rows }),
  };
}

const literal = (byte: number): string => `E'\\x${byte.toString(16)}'`;
/** Values in one call: a function of PostgreSQL's has 100 arguments at most, the separator is one, and each value has two. */
const mostValues = 49;

/**
 * The hash of values as an expression: of their texts, with a byte between them and one in the place of a NULL. record_out would look
 * at each byte of them; this takes the server little more than COPY does. A value that holds these bytes may be taken for two.
 */
export function hashOfValues(values: readonly string[]): string {
  const texts = values.map(
    (value) => `${value}, case when ${value} is not distinct from null then ${literal(nullMark)} end`,
  );
  return `pg_catalog.hashtextextended(${joined(texts)} collate pg_catalog."C", 0::pg_catalog.int8)`;
}

function joined(texts: readonly string[]): string {
  if (texts.length === 0) return "''";
  const parts = Array.from({ length: Math.ceil(texts.length / mostValues) }, (_, at) =>
    joinedFew(texts.slice(at * mostValues, (at + 1) * mostValues)),
  );
  return parts.length === 1 ? (parts[0] ?? "") : joinedFew(parts);
}

const joinedFew = (texts: readonly string[]): string =>
  `pg_catalog.concat_ws(${[literal(betweenValues), ...texts].join(", ")})`;

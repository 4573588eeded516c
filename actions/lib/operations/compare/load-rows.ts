import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { describeCode, OperationError, sqlState } from "../../base/errors.ts";
import { formatBytes } from "../../base/measures.ts";
import { quoteIdentifier } from "../../postgres/identifier.ts";
import { projectColumns } from "../restore/load/load-table.ts";
import { type Addresses, type Choice, pairingFor } from "./find-differing.ts";
import type { GoodSide } from "./good-side.ts";
import { type HashSet64, hash64 } from "./hash-tables.ts";

const lineFeed = 0x0a;

/** A value of the good side does not fit a column's type in the live table. */
export class UnfitValue extends Error {}

/**
 * Loads the good side's rows of these keys, all of them without, each with the hash of its key.
 * @param into a temporary table that has the compared columns, and the one that is named `hash`
 * @param mostBytes of rows: they take their place on the server's disk
 * @throws UnfitValue; OperationError `temporary-space`, `target-disk-full`
 */
export async function loadRows(
  client: Client,
  into: string,
  hash: string,
  good: GoodSide,
  choice: Choice,
  keys: HashSet64 | undefined,
  mostBytes: number,
): Promise<void> {
  const list = [hash, ...choice.columns].map(quoteIdentifier).join(", ");
  let bytes = 0;
  for (const piece of good.pieces) {
    const places = choice.columns.map((name) => piece.columns.indexOf(name));
    const asTheyStand = places.length === piece.columns.length && places.every((place, index) => place === index);
    const bounded = async function* () {
      const wanted = rowsOf(piece, choice, keys, "hashed");
      const kept = [0, ...places.map((place) => place + 1)];
      for await (const chunk of asTheyStand ? wanted : projectColumns(wanted, kept)) {
        bytes += chunk.length;
        if (bytes > mostBytes) throw tooMuch(mostBytes);
        yield chunk;
      }
    };
    try {
      await pipeline(bounded(), client.query(copyFrom(`copy ${into} (${list}) from stdin with (encoding 'UTF8')`)));
    } catch (error) {
      const state = sqlState(error);
      if (/^22/.test(state)) throw new UnfitValue();
      if (state === "53100") throw diskFull();
      throw error;
    }
  }
}

/**
 * The rows with these keys. Holds one row.
 * @param hashed the hash of its key stands before each row, as a field
 */
export async function* rowsOf(
  piece: GoodSide["pieces"][number],
  choice: Choice,
  keys: Pick<HashSet64, "has"> | undefined,
  hashed?: "hashed",
): AsyncGenerator<Uint8Array, void, undefined> {
  /** Of each row that ends in the next chunk what stands before it; undefined where it is not wanted. */
  let wanted: (Buffer | undefined)[] = [];
  const end = piece.columns.length === 0 ? "" : "\t";
  const pairs = (some: BigInt64Array): void => {
    const halves = new Int32Array(some.buffer, some.byteOffset, 2 * some.length);
    for (let at = 0; at < halves.length; at += 4) {
      const isWanted = keys === undefined || keys.has(halves[at] as number, halves[at + 1] as number);
      const before = hashed === undefined ? nothing : () => Buffer.from(`${some[at / 2]}${end}`);
      wanted.push(isWanted ? before() : undefined);
    }
  };
  let begun: Buffer[] = [];
  for await (const chunk of piece.chunks({ ...pairingFor(piece.columns, choice), pairs })) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const found: Buffer[] = [];
    let at = 0;
    for (const before of wanted) {
      const end = bytes.indexOf(lineFeed, at) + 1;
      if (before !== undefined) found.push(before, ...begun, bytes.subarray(at, end));
      begun = [];
      at = end;
    }
    wanted = [];
    if (found.length > 0) yield Buffer.concat(found);
    // A copy: the chunk's memory is used again.
    if (at < bytes.length) begun.push(Buffer.from(bytes.subarray(at)));
  }
}

const empty = Buffer.alloc(0);
const nothing = (): Buffer => empty;

const linesAtOnce = 4096;

async function* lines(all: Iterable<string>): AsyncGenerator<Buffer, void, undefined> {
  let some: string[] = [];
  for (const line of all) {
    some.push(line);
    if (some.length < linesAtOnce) continue;
    yield Buffer.from(some.join(""));
    some = [];
  }
  yield Buffer.from(some.join(""));
}

export async function loadKeys(client: Client, into: string, keys: HashSet64): Promise<void> {
  const text = function* () {
    for (const hash of keys) yield `${hash}\n`;
  };
  await pipeline(lines(text()), client.query(copyFrom(`copy ${into} from stdin`)));
}

export async function loadAddresses(client: Client, into: string, { list, words }: Addresses): Promise<void> {
  const text = function* () {
    for (let at = 0; at < list.length; at += words) {
      const [low = 0, high = 0, relation = 0, page = 0, place = 0] = list.subarray(at, at + words);
      yield `${hash64(low, high)}\t${relation >>> 0}\t(${page >>> 0},${place})\n`;
    }
  };
  await pipeline(lines(text()), client.query(copyFrom(`copy ${into} from stdin`)));
}

function tooMuch(mostBytes: number): OperationError {
  return new OperationError(
    "temporary-space",
    `The rows that differ are more than the ${formatBytes(mostBytes)} that may be put beside the table for the time of the comparison.`,
    "Give more with --temporary-mib when the server's disk has room for them, or restore the set into another project and compare there.",
  );
}

function diskFull(): OperationError {
  return new OperationError(
    "target-disk-full",
    "The target's disk is full (53100). Nothing was kept of the comparison.",
    "Enlarge the disk (Supabase: Database, Settings, Disk size), or restore the set into another project and compare there.",
  );
}

/** A server's error that is none of ours, without what it quotes. */
export function comparisonFailed(error: unknown, table: string): OperationError {
  if (sqlState(error) === "53100") return diskFull();
  return new OperationError(
    "comparison-failed",
    `${table} could not be compared (${describeCode(error)}). Nothing was changed.`,
    "Run again; if it comes back, look at the server's log.",
  );
}

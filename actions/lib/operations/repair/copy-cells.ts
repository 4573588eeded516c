import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import type { Cell } from "./change-list.ts";

const [tab, lineFeed] = [0x09, 0x0a];

/**
 * The rows of COPY's text, cell by cell, each as it is written. In COPY's text a tab or line feed within a value is always
 * escaped, so that every such byte is a boundary. @param chunks cut anywhere
 */
export async function* cellsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Cell[], void, undefined> {
  let held: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      const rest = Buffer.from(chunk.buffer, chunk.byteOffset + from, at - from);
      yield cellsIn(held.length === 0 ? rest : Buffer.concat([...held, rest]));
      held = [];
      from = at + 1;
    }
    if (from < chunk.length) held.push(Buffer.from(chunk.subarray(from)));
  }
}

function cellsIn(line: Buffer): Cell[] {
  const cells: Cell[] = [];
  for (let from = 0; ; ) {
    const at = line.indexOf(tab, from);
    const text = line.toString("utf8", from, at < 0 ? line.length : at);
    cells.push(text === "\\N" ? null : text);
    if (at < 0) return cells;
    from = at + 1;
  }
}

/** The rows of a query. */
export function copied(client: Client, query: string): AsyncGenerator<Cell[], void, undefined> {
  return cellsOf(client.query(copyTo(`copy (${query}) to stdout (encoding 'UTF8')`)));
}

/** Pieces of the COPY text of a row. */
export function* rowText(cells: readonly Cell[]): Generator<string, void, undefined> {
  for (const [at, cell] of cells.entries()) {
    if (at > 0) yield "\t";
    yield cell ?? "\\N";
  }
  yield "\n";
}

/** Loads rows. @param into a table, with a list of its columns where the rows have not all */
export async function copyRows(client: Client, into: string, rows: readonly (readonly Cell[])[]): Promise<void> {
  const stream = client.query(copyFrom(`copy ${into} from stdin with (encoding 'UTF8')`));
  await pipeline(Readable.from(blocks(rows), { objectMode: false, highWaterMark: 262_144 }), stream);
}

const blockLength = 65_536;

/** Of about 64 Ki characters; a long value is never copied into one text with others. */
function* blocks(rows: readonly (readonly Cell[])[]): Generator<Buffer, void, undefined> {
  let held = "";
  for (const row of rows)
    for (const piece of rowText(row)) {
      const long = piece.length >= blockLength;
      if (!long) held += piece;
      if (held.length > 0 && (long || held.length >= blockLength)) {
        yield Buffer.from(held);
        held = "";
      }
      if (long) yield* slices(piece);
    }
  if (held.length > 0) yield Buffer.from(held);
}

function* slices(text: string): Generator<Buffer, void, undefined> {
  const whole = Buffer.from(text);
  for (let at = 0; at < whole.length; at += 262_144) yield whole.subarray(at, at + 262_144);
}

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

/** Pieces of the COPY text of a row. */
export function* rowText(cells: readonly Cell[]): Generator<string, void, undefined> {
  for (const [at, cell] of cells.entries()) {
    if (at > 0) yield "\t";
    yield cell ?? "\\N";
  }
  yield "\n";
}

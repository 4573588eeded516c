const tab = 0x09;
const lineFeed = 0x0a;

/**
 * Cuts COPY text down to some of its columns, for a platform's table that has fewer columns in the target. In COPY text
 * a tab or line feed within a value is always escaped, so every such byte is a boundary.
 *
 * @param keep places of the columns that stay, ascending from 0
 * @param blank places of those whose values are left empty; NULL stays NULL
 */
export async function* projectColumns(
  chunks: AsyncIterable<Uint8Array>,
  keep: readonly number[],
  blank: readonly number[] = [],
): AsyncGenerator<Uint8Array, void, undefined> {
  const emptied = new Set(blank);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const data = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const end = data.lastIndexOf(lineFeed) + 1;
    if (end > 0) yield projectLines(data.subarray(0, end), keep, emptied);
    rest = data.subarray(end);
  }
  if (rest.length > 0) yield projectLines(rest, keep, emptied);
}

function projectLines(lines: Buffer, keep: readonly number[], emptied: ReadonlySet<number>): Buffer {
  const out: Buffer[] = [];
  for (let start = 0; start < lines.length; ) {
    const found = lines.indexOf(lineFeed, start);
    const end = found < 0 ? lines.length : found;
    const fields = splitFields(lines.subarray(start, end));
    keep.forEach((place, index) => {
      if (index > 0) out.push(tabByte);
      const field = fields[place];
      if (field !== undefined && (!emptied.has(place) || field.equals(nullField))) out.push(field);
    });
    out.push(lineFeedByte);
    start = end + 1;
  }
  return Buffer.concat(out);
}

const nullField = Buffer.from("\\N");
const tabByte = Buffer.from([tab]);
const lineFeedByte = Buffer.from([lineFeed]);

function splitFields(line: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let start = 0; ; ) {
    const end = line.indexOf(tab, start);
    if (end < 0) return [...fields, line.subarray(start)];
    fields.push(line.subarray(start, end));
    start = end + 1;
  }
}

import { unescapeCopy } from "../../postgres/rows/copy-text.ts";

const [tab, lineFeed] = ["\t", "\n"];
const end = Buffer.from(lineFeed);

/** A value as COPY writes it into a field. */
export function escapeCopy(value: string): string {
  return value.replaceAll(/[\\\b\f\n\r\t\v]/g, (sign) => `\\${letters[sign] ?? sign}`);
}

const letters: Readonly<Record<string, string>> = { "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v" };

/**
 * Looks for the first row with these values among rows as COPY writes them, without taking every row apart: it looks for the longest
 * value, between the signs around it, and then at the row that it stands in.
 *
 * @param chunks cut anywhere; each is valid until the next is asked for
 * @param columns of the rows
 * @param wanted values by column, at least one
 * @returns its values in the order of the columns, null for NULL; undefined where there is none. The rest of the chunks is not read then
 */
export async function findRow(
  chunks: AsyncIterable<Uint8Array>,
  columns: readonly string[],
  wanted: ReadonlyMap<string, string>,
): Promise<(string | null)[] | undefined> {
  const fields = [...wanted].map(([column, value]) => ({ place: columns.indexOf(column), text: escapeCopy(value) }));
  const [longest] = fields.toSorted((a, b) => b.text.length - a.text.length);
  if (longest === undefined || fields.some(({ place }) => place < 0)) return undefined;
  const before = longest.place === 0 ? lineFeed : tab;
  const after = longest.place === columns.length - 1 ? lineFeed : tab;
  const needle = Buffer.from(before + longest.text + after);
  const rowIn = (lines: Buffer): (string | null)[] | undefined => {
    for (let at = lines.indexOf(needle); at >= 0; at = lines.indexOf(needle, at + 1)) {
      const from = before === lineFeed ? at : lines.lastIndexOf(end, at);
      const row = lines.toString("utf8", from + 1, lines.indexOf(end, from + 1)).split(tab);
      if (fields.every(({ place, text }) => row[place] === text)) return row.map(unescapeCopy);
    }
    return undefined;
  };
  // Each piece of text that is looked through begins with the end of the row before, and ends with that of its last one.
  let begun: Buffer[] = [end];
  for await (const chunk of chunks) {
    const last = chunk.lastIndexOf(0x0a);
    if (last < 0) {
      begun.push(Buffer.from(chunk));
      continue;
    }
    const found = rowIn(Buffer.concat([...begun, chunk.subarray(0, last + 1)]));
    if (found !== undefined) return found;
    begun = [end, Buffer.from(chunk.subarray(last + 1))];
  }
  return undefined;
}

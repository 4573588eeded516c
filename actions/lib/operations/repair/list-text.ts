import { createHash } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import {
  type Change,
  type Conflict,
  countLine,
  joinCells,
  type ListHeader,
  type ListLine,
  linesOf,
  misfit,
  noCounts,
  parseHeader,
  parseLine,
  type TableCounts,
} from "./change-list.ts";

/** What a list came to. */
export interface ListSummary {
  /** SHA-256 of the plain bytes, hex: what is signed off, and what is applied. */
  readonly hash: string;
  readonly bytes: number;
  /** In the order of the header's tables. */
  readonly counts: readonly TableCounts[];
}

/** The first half of a hash's first half: what people compare and type. */
export const shortHash = (hash: string): string => hash.slice(0, 16);

const blockBytes = 256 * 1024;

/**
 * Writes a list: its plain bytes, in blocks. Constant memory but for one row.
 * @throws OperationError `list-malformed` for a line that does not fit the header's tables
 */
export async function* writeList(
  header: ListHeader,
  lines: AsyncIterable<Change | Conflict> | Iterable<Change | Conflict>,
  done: (summary: ListSummary) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  const counts = header.tables.map(noCounts);
  let bytes = 0;
  let block: string[] = [];
  let length = 0;
  const flush = (): Buffer => {
    const made = Buffer.from(block.join(""));
    hash.update(made);
    bytes += made.length;
    block = [];
    length = 0;
    return made;
  };
  const add = (line: string): boolean => {
    block.push(line, "\n");
    length += line.length;
    return length >= blockBytes;
  };
  add(JSON.stringify(parseHeader(header)));
  for await (const one of lines) {
    const wrong = misfit(header, one);
    if (wrong !== undefined) throw malformed(wrong);
    countLine(counts, one);
    for (const line of linesOf(one)) if (add(line)) yield flush();
  }
  add(JSON.stringify({ end: counts }));
  yield flush();
  done({ hash: hash.digest("hex"), bytes, counts });
}

/** A list while it is read. */
export interface ListReader {
  readonly header: ListHeader;
  /**
   * To be read once, and to its end: before that nothing of it may be relied on.
   * @throws OperationError `list-malformed`; what the source throws
   */
  lines(): AsyncGenerator<Change | Conflict, ListSummary, undefined>;
  /** For whoever wants the header alone. */
  close(): Promise<unknown>;
}

/**
 * Begins to read a list's plain bytes.
 * @throws OperationError `list-malformed`; what `plain` throws
 */
export async function readList(plain: AsyncIterable<Uint8Array>): Promise<ListReader> {
  const hash = createHash("sha256");
  let bytes = 0;
  const taken = (chunk: Uint8Array): void => {
    hash.update(chunk);
    bytes += chunk.length;
  };
  const source = splitLines(plain, taken);
  const first = await source.next();
  const header = first.done === true ? undefined : parsed(first.value, parseHeader);
  if (header === undefined) {
    await source.return();
    throw malformed("it does not begin with a header that this version knows");
  }
  return {
    header,
    lines: () => readLines(header, source, () => ({ hash: hash.digest("hex"), bytes })),
    close: () => source.return(),
  };
}

async function* readLines(
  header: ListHeader,
  source: AsyncGenerator<Buffer, void, undefined>,
  seal: () => Omit<ListSummary, "counts">,
): AsyncGenerator<Change | Conflict, ListSummary, undefined> {
  const counts = header.tables.map(noCounts);
  let pieces: string[] = [];
  let end: Extract<ListLine, { end: unknown }> | undefined;
  let number = 1;
  for await (const text of source) {
    number++;
    const line = parsed(text, parseLine);
    if (line === undefined || end !== undefined) throw malformed(`line ${number} is none that this version knows`);
    if ("piece" in line) {
      pieces.push(line.piece);
      continue;
    }
    if ("end" in line) {
      end = line;
      continue;
    }
    const one = joined(line, pieces, number);
    pieces = [];
    const wrong = misfit(header, one);
    if (wrong !== undefined) throw malformed(`line ${number}: ${wrong}`);
    countLine(counts, one);
    yield one;
  }
  if (end === undefined || pieces.length > 0) throw malformed("it is cut off");
  if (!sameCounts(end.end, counts)) throw malformed("it does not hold as many changes as its last line says");
  return { ...seal(), counts };
}

function joined(line: Exclude<ListLine, { end: unknown }>, pieces: readonly string[], number: number) {
  try {
    return joinCells(line, pieces);
  } catch (error) {
    throw malformed(`line ${number} does not fit the pieces ahead of it`, error);
  }
}

const sameCounts = (some: readonly TableCounts[], others: readonly TableCounts[]): boolean =>
  JSON.stringify(some.map(inOrder)) === JSON.stringify(others.map(inOrder));

const inOrder = ({ updates, inserts, deletes, conflicts }: TableCounts) => [
  ...[updates, inserts, deletes],
  Object.entries(conflicts).toSorted(([a], [b]) => (a < b ? -1 : 1)),
];

function parsed<Value>(line: Buffer, parse: (value: unknown) => Value): Value | undefined {
  try {
    return parse(JSON.parse(utf8.decode(line)));
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const lineFeed = 0x0a;
/** A line holds a row's short cells, or one piece. Longer is none of ours. */
const mostLine = 768 * 1024 * 1024;

/** The lines without their ends. What follows the last end is a line that is cut off. */
async function* splitLines(
  plain: AsyncIterable<Uint8Array>,
  taken: (chunk: Uint8Array) => void,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const chunk of plain) {
    taken(chunk);
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      const rest = Buffer.from(chunk.buffer, chunk.byteOffset + from, at - from);
      yield held.length === 0 ? rest : Buffer.concat([...held, rest]);
      held = [];
      length = 0;
      from = at + 1;
    }
    if (from === chunk.length) continue;
    held.push(Buffer.from(chunk.subarray(from))); // a copy: the source may use its memory again
    length += chunk.length - from;
    if (length > mostLine) throw malformed("a line of it is longer than any that Lifeboat writes");
  }
  if (held.length > 0) throw malformed("it is cut off");
}

function malformed(how: string, cause?: unknown): OperationError {
  return new OperationError(
    "list-malformed",
    `The change list cannot be used: ${how}.`,
    "Nothing was changed. Make the plan again, and find out who changed this one.",
    cause,
  );
}

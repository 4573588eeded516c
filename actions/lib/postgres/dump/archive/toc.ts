import { OperationError } from "../../../base/errors.ts";

/**
 * No string of a table of contents is longer than this: the longest are function bodies and, from PostgreSQL 18 on,
 * statistics. A damaged length must not become an allocation of gigabytes.
 */
const longestString = 256 * 1024 * 1024;

/** The error for an archive that does not read as one. Offsets are bytes from the archive's beginning. */
export function damaged(what: string, offset: number): OperationError {
  return new OperationError(
    "archive-damaged",
    `The pg_dump archive is damaged or cut off at byte ${offset}: ${what}.`,
    "Use another backup set; if this one is being made, look at how pg_dump ended and run the backup again.",
  );
}

/**
 * A place in a stream of bytes. Readers in a hurry use `chunk`, `at` and `more()` directly; the others ask for one value
 * at a time. Holds one chunk of the source and never more, except for a string that spans several.
 */
export class Cursor {
  chunk: Uint8Array = new Uint8Array(0);
  at = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #before = 0;
  readonly #decoder = new TextDecoder();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes of the stream before the cursor. */
  get offset(): number {
    return this.#before + this.at;
  }

  /** Makes sure that an unread byte is in `chunk`; false at the end of the stream. */
  async more(): Promise<boolean> {
    while (this.at >= this.chunk.length) {
      const { value, done } = await this.#source.next();
      if (done === true) return false;
      this.#before += this.chunk.length;
      this.chunk = value;
      this.at = 0;
    }
    return true;
  }

  /** Tells the source that nothing more will be read, so that it can let go of what it holds. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async byte(what: string): Promise<number> {
    if (this.at >= this.chunk.length && !(await this.more())) throw damaged(`it ends in ${what}`, this.offset);
    return this.chunk[this.at++] as number;
  }

  async bytes(length: number, what: string): Promise<Uint8Array> {
    if (this.chunk.length - this.at >= length) {
      this.at += length;
      return this.chunk.subarray(this.at - length, this.at);
    }
    const whole = new Uint8Array(length);
    for (let have = 0; have < length; ) {
      if (!(await this.more())) throw damaged(`it ends in ${what}`, this.offset);
      const piece = this.chunk.subarray(this.at, this.at + length - have);
      whole.set(piece, have);
      have += piece.length;
      this.at += piece.length;
    }
    return whole;
  }

  /** An archive's integer: a byte for the sign, then four bytes, the lowest first. */
  async integer(what: string): Promise<number> {
    const raw = await this.bytes(5, what);
    const sign = raw[0] as number;
    const value =
      ((raw[1] as number) | ((raw[2] as number) << 8) | ((raw[3] as number) << 16) | ((raw[4] as number) << 24)) >>> 0;
    if (sign > 1 || value > 0x80000000) throw damaged(`no valid number for ${what}`, this.offset);
    return sign === 1 ? -value : value;
  }

  /** An archive's string: its length in bytes, then that many; length -1 is NULL. */
  async string(what: string): Promise<string | null> {
    const length = await this.integer(`the length of ${what}`);
    if (length === -1) return null;
    if (length < 0 || length > longestString) throw damaged(`no valid length for ${what}`, this.offset);
    return this.#decoder.decode(await this.bytes(length, what));
  }
}

/** One entry of an archive's table of contents; what `pg_restore -l` prints a line of. */
export interface TocEntry {
  readonly dumpId: number;
  /** OID of the catalogue that the object is in, e.g. `1259` for pg_class; `0` for entries that are no object. */
  readonly tableOid: string;
  readonly oid: string;
  readonly tag: string;
  /** The kind, as pg_dump calls it: `TABLE`, `TABLE DATA`, `FK CONSTRAINT`, … */
  readonly desc: string;
  readonly section: "pre-data" | "data" | "post-data" | "none";
  /** SQL that creates it. From PostgreSQL 17 on, that of a `BLOB METADATA` entry is a list of OIDs, not SQL. */
  readonly defn: string;
  readonly dropStmt: string;
  /** `COPY schema.table (columns) FROM stdin;` and a line feed, for `TABLE DATA`. */
  readonly copyStmt: string;
  readonly namespace: string | null;
  readonly tablespace: string | null;
  readonly owner: string;
  readonly tableam: string | null;
  readonly dependencies: readonly number[];
  /** A block of data for it follows the table of contents. */
  readonly hasData: boolean;
}

export interface ArchiveHeader {
  /** Of the archive format: `1.14` (pg_dump 15), `1.15` (16), `1.16` (17 and 18). */
  readonly version: string;
  readonly dbname: string;
  readonly serverVersion: string;
  readonly dumpVersion: string;
}

const sections = new Map<number, TocEntry["section"]>([
  [1, "none"],
  [2, "pre-data"],
  [3, "data"],
  [4, "post-data"],
]);

function unsupported(what: string): OperationError {
  return new OperationError(
    "archive-unsupported",
    `The pg_dump archive cannot be read: ${what}.`,
    "Archives of pg_dump 15 to 18 in custom format, not compressed by pg_dump (-Fc -Z0), can be read; restore others with pg_restore.",
  );
}

/**
 * Reads what an archive begins with, up to its table of contents.
 * The format is that of src/bin/pg_dump/pg_backup_archiver.c (WriteHead), PostgreSQL 15 to 18.
 * @throws OperationError `archive-damaged`, `archive-unsupported`
 */
export async function readHeader(
  cursor: Cursor,
): Promise<ArchiveHeader & { readonly minor: number; readonly offsetBytes: number }> {
  const what = "the archive's header";
  const fixed = await cursor.bytes(11, what);
  const [major, minor, , integerBytes, offsetBytes, format] = fixed.subarray(5);
  if (Buffer.from(fixed.subarray(0, 5)).toString("latin1") !== "PGDMP") throw damaged("it does not begin as one", 0);
  if (major !== 1 || minor === undefined || minor < 14 || minor > 16) {
    throw unsupported(`its format is ${String(major)}.${String(minor)}`);
  }
  if (format !== 1) throw unsupported("it is not in custom format");
  if (integerBytes !== 4 || offsetBytes === undefined) throw unsupported("its numbers are not of four bytes");
  const compression = minor >= 15 ? await cursor.byte(what) : await cursor.integer(what);
  if (compression !== 0) throw unsupported("pg_dump compressed it");
  // Second, minute, hour, day, month, year, daylight saving: local time of an unnamed zone, of no use.
  for (let part = 0; part < 7; part += 1) await cursor.integer(what);
  const dbname = (await cursor.string(what)) ?? "";
  const serverVersion = (await cursor.string(what)) ?? "";
  const dumpVersion = (await cursor.string(what)) ?? "";
  return { version: `${major}.${minor}`, dbname, serverVersion, dumpVersion, minor, offsetBytes };
}

/**
 * Reads the table of contents that follows the header (WriteToc of the same source file).
 * @throws OperationError `archive-damaged`
 */
export async function readToc(
  cursor: Cursor,
  header: { readonly minor: number; readonly offsetBytes: number },
): Promise<TocEntry[]> {
  const count = await cursor.integer("the number of entries");
  if (count < 0) throw damaged("the number of entries is negative", cursor.offset);
  const toc: TocEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    toc.push(await readEntry(cursor, header, `entry ${index + 1} of ${count} of the table of contents`));
  }
  return toc;
}

/**
 * Reads an archive up to the end of its table of contents.
 * @returns `data`: more follows, or is to follow
 * @throws OperationError `archive-damaged`, `archive-unsupported`
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: ArchiveHeader; readonly toc: readonly TocEntry[]; readonly data: boolean }> {
  const cursor = new Cursor(source);
  try {
    const { minor, offsetBytes, ...header } = await readHeader(cursor);
    const toc = await readToc(cursor, { minor, offsetBytes });
    return { header, toc, data: toc.some(({ hasData }) => hasData) || (await cursor.more()) };
  } finally {
    await cursor.close().catch(() => undefined);
  }
}

async function readEntry(
  cursor: Cursor,
  { minor, offsetBytes }: { readonly minor: number; readonly offsetBytes: number },
  what: string,
): Promise<TocEntry> {
  const text = async (): Promise<string> => (await cursor.string(what)) ?? "";
  const dumpId = await cursor.integer(what);
  if (dumpId <= 0) throw damaged(`${what} has no valid id`, cursor.offset);
  const hasData = (await cursor.integer(what)) !== 0;
  const tableOid = await text();
  const oid = await text();
  if (!/^\d{1,10}$/.test(tableOid) || !/^\d{1,10}$/.test(oid)) throw damaged(`${what} has no valid OID`, cursor.offset);
  const tag = await text();
  const desc = await text();
  const section = sections.get(await cursor.integer(what));
  if (section === undefined) throw damaged(`${what} is in no known section`, cursor.offset);
  const defn = await text();
  const dropStmt = await text();
  const copyStmt = await text();
  const namespace = await cursor.string(what);
  const tablespace = await cursor.string(what);
  const tableam = await cursor.string(what);
  // relkind, from 1.16 on: tells partitioned tables from others, which copyStmt and hasData tell us too.
  if (minor >= 16) await cursor.integer(what);
  const owner = await text();
  await cursor.string(what); // "false": tables WITH OIDS are gone since PostgreSQL 12.
  const dependencies: number[] = [];
  for (let id = await cursor.string(what); id !== null; id = await cursor.string(what)) {
    if (!/^\d{1,10}$/.test(id)) throw damaged(`${what} has no valid dependency`, cursor.offset);
    dependencies.push(Number(id));
  }
  // Where its data are, which a writer into a pipe does not know.
  await cursor.bytes(1 + offsetBytes, what);
  return {
    ...{ dumpId, tableOid, oid, tag, desc, section, defn, dropStmt, copyStmt },
    ...{ namespace, tablespace, owner, tableam, dependencies, hasData },
  };
}

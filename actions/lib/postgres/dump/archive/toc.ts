import { OperationError } from "../../../base/errors.ts";
import { type Cursor, damaged } from "./cursor.ts";

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

import { createHash } from "node:crypto";
import { z } from "zod";
import { type SourceRow, sourceRowSchema } from "../../storage/rows.ts";
import { count, sha256 } from "./manifest.ts";

const { bucket, name, ...ofTheRow } = sourceRowSchema.shape;

/**
 * One line of a list: one file of Storage as it was, or (with `object` null) that it is not to be had. The first four names
 * come first in every line, in this order, so that a shell can read them.
 */
export const fileEntrySchema = z.strictObject({
  bucket,
  name,
  /** Key of the pack or large file in the vault. Null: the file's bytes are not in the vault (see `state`). */
  object: z.string().nullable(),
  /** Name inside the pack's tar; null for a large file, which is an object of its own. */
  entry: z.string().nullable(),
  /**
   * `stored`: here it is. `lost`: the database has a row and Storage no file; there is nothing to restore. `gone`: a
   * snapshot after an earlier one says that the row is no more; a reader never sees these.
   */
  state: z.enum(["stored", "lost", "gone"]).default("stored"),
  /** Of the content as it was read; 0 and null for what is not stored. */
  bytes: count.default(0),
  /** SHA-256 of the content, hex. */
  sha256: sha256.nullable().default(null),
  ...ofTheRow,
});
export type FileEntry = z.output<typeof fileEntrySchema>;

/** The facts of the row without anything of the vault. */
export function rowOf(entry: FileEntry): SourceRow {
  const { object: _object, entry: _entry, state: _state, bytes: _bytes, sha256: _sha256, ...row } = entry;
  return row;
}

/** A file whose bytes the vault holds. */
export type StoredFile = FileEntry & { readonly state: "stored"; readonly object: string; readonly sha256: string };

export function isStored(entry: FileEntry): entry is StoredFile {
  return entry.state === "stored" && entry.object !== null && entry.sha256 !== null;
}

const order = ["bucket", "name", "object", "entry", ...Object.keys(fileEntrySchema.shape)] as (keyof FileEntry)[];
const always: ReadonlySet<string> = new Set(["bucket", "name", "object", "entry"]);

/** The line without its end; names whose value is the default are left out. */
export function encodeEntry(entry: FileEntry): string {
  const line: Record<string, unknown> = {};
  for (const name of order) {
    const value = entry[name];
    const usual = value === null || (name === "bytes" && value === 0) || (name === "state" && value === "stored");
    if (always.has(name) || !usual) line[name] = value;
  }
  return JSON.stringify(line);
}

/** @throws ZodError or SyntaxError for what is no line of a list */
export function parseEntry(line: string): FileEntry {
  return fileEntrySchema.parse(JSON.parse(line));
}

/** Bucket and name in one text. A bucket's id holds no slash, so no two files have the same. */
export function pathOf({ bucket, name }: Pick<FileEntry, "bucket" | "name">): string {
  return `${bucket}/${name}`;
}

/**
 * Which of `shards` lists a file stands in: the first bits of the MD5 of its path, which SQL computes alike.
 * @param shards a power of two, at most 65,536
 */
export function shardOf(path: string, shards: number): number {
  return createHash("md5").update(path).digest().readUInt16BE(0) >> (16 - Math.log2(shards));
}

import type { Client } from "pg";
import { describeCode, OperationError, sqlState } from "../../base/errors.ts";
import { linesOf } from "../../base/flow/chunks.ts";
import type { Inventory } from "../inventory/model.ts";
import { createLargeObjectHasher, pageBytes } from "../row-hash/large-object.ts";
import { dataHeader } from "./data-sql.ts";

/**
 * Large objects as SQL, which psql takes: the header that all files of rows have, then, for each, a line that makes it and one
 * for each page of it. A line is told by its form alone, whatever the bytes are.
 */
type Objects = Inventory["largeObjects"];

export const largeObjectsArtifact = "data/large-objects.sql.zst.pgp";

/** A line: an object begins, or more of it comes. */
export interface LargeObjectLine {
  readonly oid: string;
  /** The next of its bytes; undefined where it begins. */
  readonly bytes: Buffer | undefined;
  /** The line, without its end. */
  readonly sql: string;
}

/** As many pages, of as many objects, in one question: what it takes to hide how far the server is. */
const together = { pages: 2, objects: 500 };

interface Page {
  readonly oid: string;
  /** Undefined: it has no bytes at all. */
  readonly at: string | undefined;
}

/**
 * Reads large objects and writes their SQL. Each has to be what was measured of it.
 *
 * @param client attached to the snapshot, used for nothing else meanwhile
 * @param objects with their sizes and hashes
 * @throws OperationError `large-object-unreadable`, `dump-differs`; the driver's error when the session is lost
 */
export async function* largeObjectsSql(client: Client, objects: Objects): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from(dataHeader);
  const wanted = new Map(objects.map((object) => [object.oid, object]));
  const hasher = createLargeObjectHasher();
  let current: string | undefined;
  const end = (): void => {
    if (current === undefined) return;
    const { bytes, hash } = hasher.finish();
    const measured = wanted.get(current);
    if (measured?.bytes !== bytes || measured.hash !== hash) throw changed(current);
  };
  for (const pages of inGroups(objects)) {
    const contents = await readPages(client, pages);
    const lines: string[] = [];
    for (const [place, { oid, at }] of pages.entries()) {
      if (oid !== current) {
        end();
        current = oid;
        lines.push(lineOf(oid));
      }
      const bytes = contents[place];
      if (at === undefined || bytes === undefined) continue;
      hasher.push(bytes);
      lines.push(lineOf(oid, at, bytes));
    }
    yield Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1");
  }
  end();
}

function lineOf(oid: string, at?: string, bytes?: Buffer): string {
  if (at === undefined || bytes === undefined) return `SELECT pg_catalog.lo_create('${oid}');`;
  return `SELECT pg_catalog.lo_put('${oid}', ${at}, '\\x${bytes.toString("hex")}');`;
}

function* inGroups(objects: Objects): Generator<Page[], void, undefined> {
  let group: Page[] = [];
  let bytes = 0;
  for (const { oid, bytes: all } of objects) {
    const size = Number(all);
    for (let at = 0; at === 0 || at < size; at += pageBytes) {
      group.push({ oid, at: size === 0 ? undefined : String(at) });
      bytes += Math.min(size - at, pageBytes);
      if (bytes < together.pages * pageBytes && group.length < together.objects) continue;
      yield group;
      group = [];
      bytes = 0;
    }
  }
  if (group.length > 0) yield group;
}

/** In base64, which is a third more to send; the driver takes text alone. */
async function readPages(client: Client, pages: readonly Page[]): Promise<Buffer[]> {
  try {
    const { rows } = await client.query<{ bytes: string }>(
      `select encode(lo_get(oid, at, ${pageBytes}), 'base64') as bytes
         from unnest($1::oid[], $2::int8[]) with ordinality as wanted(oid, at, place) order by place`,
      [pages.map(({ oid }) => oid), pages.map(({ at }) => at ?? "0")],
    );
    return rows.map(({ bytes }) => Buffer.from(bytes, "base64"));
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    const names = [...new Set(pages.map(({ oid }) => oid))];
    throw new OperationError(
      "large-object-unreadable",
      `Large objects from ${names[0]} to ${names.at(-1)} could not be read (${describeCode(error)}).`,
      "As their owner: GRANT SELECT ON LARGE OBJECT … TO the backup role.",
    );
  }
}

function changed(oid: string): OperationError {
  return new OperationError(
    "dump-differs",
    `Large object ${oid} is not what the server has measured of it at the snapshot.`,
    "Run again; if it comes back, report it with this line.",
  );
}

const header = Buffer.from(dataHeader).toString().trimEnd().split("\n");
const form = /^SELECT pg_catalog\.lo_(?:create\('(\d{1,10})'\)|put\('(\d{1,10})', (\d{1,13}), '\\x([0-9a-f]+)'\));$/;
const longestLine = 2 * pageBytes + 100;

/**
 * The lines of such a file, behind its header. Ends well only when they make the objects given, in their order, each page where the one before it
 * ends. Holds a page.
 * @throws OperationError `large-objects-malformed`; what `plain` throws
 */
export async function* readLargeObjectsSql(
  plain: AsyncIterable<Uint8Array>,
  objects: Objects,
): AsyncGenerator<LargeObjectLine, void, undefined> {
  const lines = linesOf(plain, longestLine, () => malformed("a line is longer than any of ours"));
  for (const expected of header) {
    const { value } = await lines.next();
    if (value !== expected) throw malformed("it does not begin as a file of data");
  }
  let [place, size] = [-1, 0];
  for await (const sql of lines) {
    const [line, created, filled, at, hex] = form.exec(sql) ?? [];
    if (line === undefined) throw malformed(`something else comes behind ${size} bytes of its object ${place + 1}`);
    if (created !== undefined) {
      place += 1;
      size = 0;
      if (objects[place]?.oid !== created) throw malformed(`large object ${created} does not come next`);
      yield { oid: created, bytes: undefined, sql };
      continue;
    }
    const bytes = Buffer.from(hex ?? "", "hex");
    if (
      filled === undefined ||
      filled !== objects[place]?.oid ||
      at !== String(size) ||
      bytes.length * 2 !== hex?.length
    )
      throw malformed(`bytes of large object ${filled} are not where they belong`);
    size += bytes.length;
    yield { oid: filled, bytes, sql };
  }
  const missing = objects[place + 1];
  if (missing !== undefined) throw malformed(`it ends before large object ${missing.oid}`);
}

function malformed(how: string): OperationError {
  return new OperationError(
    "large-objects-malformed",
    `The file of large objects is not as Lifeboat writes it: ${how}.`,
    "Use another set (`lifeboat list`).",
  );
}

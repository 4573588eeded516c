import { expect, test } from "vitest";
import { inspectArchive } from "../../actions/lib/postgres/dump/archive/inspect.ts";
import { readArchive } from "../../actions/lib/postgres/dump/archive/toc.ts";
import { header, integer, pieces, tableBlock, text, toc } from "./archive-writer.ts";

const entries = [
  { dumpId: 5, desc: "TABLE", tag: "exams", defn: "CREATE TABLE …;" },
  { dumpId: 8, desc: "FUNCTION", tag: "grade()" },
];

function whole(minor: 14 | 15 | 16): Buffer {
  return Buffer.concat([header(minor), toc(minor, entries)]);
}

async function join(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of chunks) all += Buffer.from(chunk).toString();
  return all;
}

test.each([14, 15, 16] as const)("format 1.%i is read, however its bytes arrive", async (minor) => {
  for (const size of [1, 2, 3, 7, 64, 100_000]) {
    const { toc: read, data } = await readArchive(pieces(whole(minor), size));
    expect(read.map(({ dumpId, desc, tag }) => ({ dumpId, desc, tag }))).toEqual(
      entries.map(({ dumpId, desc, tag }) => ({ dumpId, desc, tag })),
    );
    expect(data).toBe(false);
  }
});

test.each([
  ["a block follows", Buffer.concat([whole(16), tableBlock(8, ["1\n"])])],
  [
    "one is promised",
    Buffer.concat([header(16), toc(16, [{ dumpId: 8, desc: "TABLE DATA", tag: "t", hasData: true }])]),
  ],
])("an archive with data is told by its table of contents, or by what comes behind it: %s", async (_how, bytes) => {
  expect((await readArchive(pieces(bytes, 33))).data).toBe(true);
});

test("an entry of the table of contents comes with all that pg_dump says of it", async () => {
  const { header: head, toc: read } = await readArchive(pieces(whole(16), 1000));
  expect(head).toEqual({ version: "1.16", dbname: "exams", serverVersion: "17.11", dumpVersion: "17.11" });
  expect(read[0]).toEqual({
    ...{ dumpId: 5, tableOid: "0", oid: "16384", tag: "exams", desc: "TABLE", section: "pre-data" },
    ...{ defn: "CREATE TABLE …;", dropStmt: "", copyStmt: "COPY\n", namespace: "public", tablespace: null },
    ...{ owner: "postgres", tableam: null, dependencies: [1, 2], hasData: false },
  });
});

test("an archive cut off at any byte is damaged", async () => {
  const bytes = whole(16);
  for (let length = 0; length < bytes.length; length += 1) {
    await expect(readArchive(pieces(bytes.subarray(0, length), 1000)), `at ${length}`).rejects.toMatchObject({
      code: "archive-damaged",
      message: expect.stringContaining("byte "),
    });
  }
});

test.each([
  ["no archive", Buffer.from("<html>not an archive at all</html>")],
  ["a length beyond reason", Buffer.concat([header(16), integer(1), integer(5), integer(0), integer(0x7fffffff)])],
])("%s is damaged", async (_name, bytes) => {
  await expect(readArchive(pieces(bytes, 1000))).rejects.toMatchObject({ code: "archive-damaged" });
});

test.each([
  ["compressed by pg_dump", header(16, 1)],
  ["of a format to come", Buffer.concat([Buffer.from("PGDMP"), Buffer.from([1, 99, 0, 4, 8, 1]), text("")])],
  ["in another layout", Buffer.concat([Buffer.from("PGDMP"), Buffer.from([1, 16, 0, 4, 8, 3]), text("")])],
])("an archive %s is refused as such", async (_name, bytes) => {
  await expect(readArchive(pieces(bytes, 1000))).rejects.toMatchObject({ code: "archive-unsupported" });
});

test("an inspected stream passes unchanged and its table of contents is known", async () => {
  const bytes = whole(15);
  const { stream, toc: read, header: head } = inspectArchive(pieces(bytes, 33));
  const out: Uint8Array[] = [];
  for await (const chunk of stream) out.push(chunk);
  expect(Buffer.concat(out).equals(bytes)).toBe(true);
  expect((await read).map((entry) => entry.dumpId)).toEqual([5, 8]);
  expect((await head).version).toBe("1.15");
});

test("an inspected stream that is no archive passes all the same, and its table of contents rejects", async () => {
  const { stream, toc: read } = inspectArchive(pieces(Buffer.from("no archive, but bytes all the same"), 5));
  expect(await join(stream)).toBe("no archive, but bytes all the same");
  await expect(read).rejects.toMatchObject({ code: "archive-damaged" });
});

test("an inspected stream that is given up in the table of contents does not leave its reader waiting", async () => {
  const { stream, toc: read } = inspectArchive(pieces(whole(16), 10));
  for await (const _chunk of stream) break;
  await expect(read).rejects.toMatchObject({ code: "archive-damaged" });
});

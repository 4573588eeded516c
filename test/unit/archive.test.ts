import { expect, test } from "vitest";
import { readArchive } from "../../actions/lib/postgres/dump/archive/data.ts";
import { inspectArchive } from "../../actions/lib/postgres/dump/archive/inspect.ts";
import { frame, header, integer, largeObjectsBlock, pieces, tableBlock, text, toc } from "./archive-writer.ts";

const entries = [
  { dumpId: 5, desc: "TABLE", tag: "exams", defn: "CREATE TABLE …;" },
  { dumpId: 6, desc: "TABLE DATA", tag: "exams", hasData: true },
  { dumpId: 7, desc: "TABLE DATA", tag: "empty", hasData: true },
  { dumpId: 8, desc: "BLOBS", tag: "BLOBS", hasData: true },
];
const largeOids: [number, string][] = [
  [16400, "first"],
  [16401, ""],
  [-294967296, "an OID over 2^31"],
];

function whole(minor: 14 | 15 | 16): Buffer {
  const rows = ["1\tone\n", "2\ttwo\n"];
  return Buffer.concat([
    header(minor),
    toc(minor, entries),
    tableBlock(6, rows),
    tableBlock(7, []),
    largeObjectsBlock(8, largeOids),
  ]);
}

async function join(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of chunks) all += Buffer.from(chunk).toString();
  return all;
}

async function contents(bytes: Buffer, pieceBytes: number): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const archive = await readArchive(pieces(bytes, pieceBytes));
  for await (const block of archive.blocks()) {
    if (block.kind === "table") found[block.entry.tag] = await join(block.chunks());
    else for await (const object of block.objects()) found[object.oid] = await join(object.chunks());
  }
  return found;
}

test.each([14, 15, 16] as const)("format 1.%i is read, however its bytes arrive", async (minor) => {
  const expected = {
    ...{ exams: "1\tone\n2\ttwo\n", empty: "" },
    ...{ 16400: "first", 16401: "", 4000000000: "an OID over 2^31" },
  };
  for (const size of [1, 2, 3, 7, 64, 100_000]) expect(await contents(whole(minor), size)).toEqual(expected);
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

test("blocks that the caller passes over or leaves half read are skipped", async () => {
  const rows = Array.from({ length: 50_000 }, (_, row) => `${row}\tsome text\n`);
  const bytes = Buffer.concat([header(16), toc(16, entries), tableBlock(6, rows), tableBlock(7, ["x\n"])]);
  const blobs = largeObjectsBlock(8, [
    [1, "a".repeat(300_000)],
    [2, "two"],
    [3, "three"],
  ]);
  const seen: string[] = [];
  const archive = await readArchive(pieces(Buffer.concat([bytes, blobs]), 1000));
  for await (const block of archive.blocks()) {
    if (block.kind === "table") {
      seen.push(block.entry.tag);
      for await (const _chunk of block.chunks()) break;
    } else {
      for await (const object of block.objects()) {
        if (object.oid === "2") seen.push(await join(object.chunks()));
        if (object.oid === "2") break;
      }
    }
  }
  expect(seen).toEqual(["exams", "empty", "two"]);
});

test("frames of one row each come out in large chunks, the end marker kept back", async () => {
  const rows = Array.from({ length: 20_000 }, (_, row) => `${row}\t${"x".repeat(row % 90)}\n`);
  const bytes = Buffer.concat([header(14), toc(14, entries.slice(1, 2)), tableBlock(6, rows)]);
  const archive = await readArchive(pieces(bytes, 4096));
  const chunks: Uint8Array[] = [];
  for await (const block of archive.blocks()) {
    if (block.kind === "table") for await (const chunk of block.chunks()) chunks.push(chunk);
  }
  expect(Buffer.concat(chunks).toString()).toBe(rows.join(""));
  expect(Math.min(...chunks.slice(0, -1).map((chunk) => chunk.length))).toBeGreaterThanOrEqual(65_536);
});

test("an archive cut off at any byte is damaged", async () => {
  const bytes = whole(16);
  for (let length = 0; length < bytes.length; length += 1) {
    await expect(contents(bytes.subarray(0, length), 1000), `at ${length}`).rejects.toMatchObject({
      code: "archive-damaged",
      message: expect.stringContaining("byte "),
    });
  }
});

test.each([
  ["no archive", Buffer.from("<html>not an archive at all</html>")],
  ["a length beyond reason", Buffer.concat([header(16), integer(1), integer(5), integer(0), integer(0x7fffffff)])],
  ["a block of an unknown entry", Buffer.concat([header(16), toc(16, entries.slice(1, 2)), tableBlock(99, [])])],
  ["a block twice", Buffer.concat([header(16), toc(16, entries.slice(1, 2)), tableBlock(6, []), tableBlock(6, [])])],
  [
    "a block of an unknown type",
    Buffer.concat([header(16), toc(16, entries.slice(1, 2)), Buffer.from([9]), integer(6)]),
  ],
  [
    "rows without their end marker",
    Buffer.concat([
      header(16),
      toc(16, entries.slice(1, 2)),
      Buffer.from([1]),
      integer(6),
      frame("1\tone\n"),
      integer(0),
    ]),
  ],
])("%s is damaged", async (_name, bytes) => {
  await expect(contents(bytes, 1000)).rejects.toMatchObject({ code: "archive-damaged" });
});

test.each([
  ["compressed by pg_dump", header(16, 1)],
  ["of a format to come", Buffer.concat([Buffer.from("PGDMP"), Buffer.from([1, 99, 0, 4, 8, 1]), text("")])],
  ["in another layout", Buffer.concat([Buffer.from("PGDMP"), Buffer.from([1, 16, 0, 4, 8, 3]), text("")])],
])("an archive %s is refused as such", async (_name, bytes) => {
  await expect(contents(bytes, 1000)).rejects.toMatchObject({ code: "archive-unsupported" });
});

test("an inspected stream passes unchanged and its table of contents is known", async () => {
  const bytes = whole(15);
  const { stream, toc: read, header: head } = inspectArchive(pieces(bytes, 33));
  const out: Uint8Array[] = [];
  for await (const chunk of stream) out.push(chunk);
  expect(Buffer.concat(out).equals(bytes)).toBe(true);
  expect((await read).map((entry) => entry.dumpId)).toEqual([5, 6, 7, 8]);
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

/** A reader that keeps what it is given, and ends as the frames do. */
function keeper(kept: Buffer[]) {
  const ends = Buffer.concat([frame("\\.\n\n\n"), integer(0)]);
  return {
    ended: false,
    push(chunk: Uint8Array): number {
      const before = Buffer.concat(kept);
      const all = Buffer.concat([before, chunk]);
      const end = all.indexOf(ends);
      this.ended = end >= 0;
      const taken = this.ended ? end + ends.length - before.length : chunk.length;
      kept.push(Buffer.from(chunk.subarray(0, taken)));
      return taken;
    },
  };
}

test("rows can be read on their way through, however they are cut", async () => {
  for (const size of [1, 3, 40, 300, 100_000]) {
    const kept = new Map<string, Buffer[]>();
    const { stream } = inspectArchive(pieces(whole(16), size), ({ tag }) => {
      if (tag !== "exams") return undefined;
      kept.set(tag, []);
      return keeper(kept.get(tag) ?? []);
    });
    const passed: Uint8Array[] = [];
    for await (const chunk of stream) passed.push(Uint8Array.from(chunk));
    expect(Buffer.concat(passed)).toEqual(whole(16));
    expect([...kept.keys()]).toEqual(["exams"]);
    expect(Buffer.concat(kept.get("exams") ?? [])).toEqual(tableBlock(6, ["1\tone\n", "2\ttwo\n"]).subarray(6));
  }
});

test("a stream whose rows are read fails when they are not all there", async () => {
  const bytes = whole(16);
  for (const left of [1, 8, 60, 100]) {
    const { stream } = inspectArchive(pieces(bytes.subarray(0, bytes.length - left), 50), () => undefined);
    await expect(join(stream)).rejects.toMatchObject({ code: "archive-damaged" });
  }
});

import { describe, expect, test } from "vitest";
import { CopyFrames, copyMemory } from "../../actions/lib/postgres/rows/copy-frames.ts";

/** A message of the server's. */
function message(type: string, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

const row = (text: string | Buffer) => message("d", text);

/** What comes out: the text between messages, and the messages. */
function taken(wire: Buffer, pieceBytes: number, frames = new CopyFrames(copyMemory())): (string | Buffer)[] {
  const all: (string | Buffer)[] = [];
  let text: Buffer[] = [];
  for (let at = 0; at < wire.length; at += pieceBytes) {
    for (const one of frames.push(wire.subarray(at, at + pieceBytes))) {
      if ("text" in one) text.push(Buffer.from(one.text));
      else {
        all.push(Buffer.concat(text).toString("latin1"), one.message);
        text = [];
      }
    }
  }
  for (const one of frames.flush()) if ("text" in one) text.push(Buffer.from(one.text));
  all.push(Buffer.concat(text).toString("latin1"));
  return all;
}

const [opened, done, tag] = [message("H", "\0\0\0"), message("c", ""), message("C", "COPY 3\0")];

describe("rows come out of their frames", () => {
  const rows = ["1\tabc\n", "", `2\t${"x".repeat(700_000)}\n`, "3\t0123456789abcde\n", "d\0\0\0\x09wrong"];
  const wire = Buffer.concat([opened, ...rows.map(row), done, tag, opened, done, tag]);

  test.each([1, 3, 5, 16, 4096, 65_536, 1_000_000])("however they are cut, %i bytes at a time", (pieceBytes) => {
    expect(taken(wire, pieceBytes)).toEqual([
      "",
      opened,
      rows.join(""),
      done,
      "",
      tag,
      "",
      opened,
      "",
      done,
      "",
      tag,
      "",
    ]);
  });

  test("whatever their lengths are and wherever blocks end", () => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    const many = Array.from({ length: 60_000 }, (_, index) => `${index}:${"y".repeat(next(40))}\n`);
    const frames = new CopyFrames(copyMemory());
    for (const turn of [0, 1]) {
      const pieces = turn === 0 ? 65_536 : 8192;
      const [text] = taken(Buffer.concat(many.map(row)), pieces, frames);
      expect(text === many.join(""), `turn ${turn}`).toBe(true);
    }
  });

  test("a block stays as it is until two more have been asked for", () => {
    const frames = new CopyFrames(copyMemory());
    const held: { text: Uint8Array; copy: Buffer }[] = [];
    for (let index = 0; index < 400; index += 1) {
      for (const one of frames.push(row(Buffer.alloc(10_000 + index, index)))) {
        if (!("text" in one)) continue;
        expect(one.text.length).toBe(256 * 1024);
        held.push({ text: one.text, copy: Buffer.from(one.text) });
        for (const { text, copy } of held.slice(-3)) expect(Buffer.compare(text, copy)).toBe(0);
      }
    }
    expect(held.length).toBeGreaterThan(10);
  });
});

test.each([
  ["rows longer than any can be", Buffer.from([0x64, 0x7f, 0xff, 0xff, 0xff])],
  ["a negative length", Buffer.from([0x64, 0, 0, 0, 3])],
  ["an answer that is no PostgreSQL", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
])("%s are refused", (_what, wire) => {
  for (const pieceBytes of [1, 1000]) {
    expect(() => taken(wire, pieceBytes)).toThrow(expect.objectContaining({ code: "protocol-broken" }));
  }
});

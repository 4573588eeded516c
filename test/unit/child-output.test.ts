import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { childOutputBytes, openChildOutput } from "../../actions/lib/postgres/dump/child-output.ts";

const KiB = 1024;

/** A child that writes `bytes` bytes in pieces of `piece`: each four are their own place in the whole. */
async function outputOf(bytes: number, piece: number, memory?: Uint8Array) {
  const output = await openChildOutput(memory);
  const script = `
    const [bytes, piece] = process.argv.slice(1).map(Number);
    const all = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += 4) all.writeUInt32LE(at, at);
    for (let at = 0; at < bytes; ) at += require("node:fs").writeSync(1, all.subarray(at, at + piece));`;
  const child = spawn(process.execPath, ["-e", script, String(bytes), String(piece)], {
    stdio: ["ignore", output.childEnd, "ignore"],
  });
  output.childEnd.destroy();
  return { output, ended: once(child, "exit") };
}

test.each([
  ["large pieces", 3 * KiB * KiB + 40, 300 * KiB],
  ["pieces that never fill a block", 700 * KiB + 4, 12 * KiB + 4],
  ["less than a block", 100, 40],
  ["whole blocks", 1024 * KiB, 64 * KiB],
])("%s arrive in blocks, and each stays until the next but one is asked for", async (_what, bytes, piece) => {
  const { output, ended } = await outputOf(bytes, piece);
  const held: { chunk: Uint8Array; from: number }[] = [];
  let from = 0;
  await new Promise((resolve) => setTimeout(resolve, 100)); // until the memory is full
  for await (const chunk of output.chunks()) {
    held.push({ chunk, from });
    from += chunk.length;
    if (from < bytes) expect(chunk.length).toBe(256 * KiB);
    // The child goes on meanwhile, as far as there is room.
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const { chunk, from } of held.slice(-2)) {
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
      for (let at = 0; at < chunk.length; at += 4)
        if (view.getUint32(at, true) !== from + at) throw new Error("changed");
    }
  }
  expect(from).toBe(bytes);
  expect(await ended).toEqual([0, null]);
});

test("memory that is given is the only one used", async () => {
  const memory = new Uint8Array(childOutputBytes);
  const { output, ended } = await outputOf(2 * childOutputBytes, 64 * KiB, memory);
  for await (const chunk of output.chunks()) expect(chunk.buffer).toBe(memory.buffer);
  await ended;
});

test("a reader that stops hangs up on the child", async () => {
  const { output, ended } = await outputOf(8 * KiB * KiB, 64 * KiB);
  for await (const _chunk of output.chunks()) break;
  expect(await ended).not.toEqual([0, null]);
});

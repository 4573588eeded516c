import { expect, test } from "vitest";
import { blockBytes, gathered } from "../../actions/lib/seal/packets/blocks.ts";

async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  let byte = 0;
  for (const size of sizes) yield new Uint8Array(size).map(() => byte++);
}

test.each([
  ["nothing stays nothing", [], []],
  ["small chunks become blocks", Array(6).fill(50_000), [blockBytes, 300_000 - blockBytes]],
  ["chunks that fill a block exactly become one", [blockBytes / 2, blockBytes / 2], [blockBytes]],
  ["a large chunk passes as it is, after what came before it", [10, 300_000, 20, 0, 30], [10, 300_000, 50]],
  ["a chunk as large as a block passes too", [blockBytes, blockBytes], [blockBytes, blockBytes]],
])("%s", async (_what, sizes, wanted) => {
  const seen: Uint8Array[] = [];
  for await (const block of gathered(chunksOf(sizes))) seen.push(Uint8Array.from(block));
  expect(seen.map(({ length }) => length)).toEqual(wanted);
  const all: Uint8Array[] = [];
  for await (const chunk of chunksOf(sizes)) all.push(chunk);
  expect(Buffer.concat(seen).equals(Buffer.concat(all))).toBe(true);
});

test("a large chunk is not copied", async () => {
  const large = new Uint8Array(300_000);
  async function* source() {
    yield large;
  }
  for await (const block of gathered(source())) expect(block).toBe(large);
});

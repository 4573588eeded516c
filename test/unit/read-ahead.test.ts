import { expect, test } from "vitest";
import { readAhead } from "../../actions/lib/base/flow/chunks.ts";

const bytes = (...numbers: number[]) => Uint8Array.from(numbers);

test("the next chunk is asked for while the reader has the one before, and no other", async () => {
  let asked = 0;
  async function* source() {
    for (; asked < 4; ) yield bytes(++asked);
  }
  const seen: number[][] = [];
  for await (const chunk of readAhead(source())) {
    await new Promise(setImmediate);
    seen.push([...chunk, asked]);
  }
  expect(seen).toEqual([
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 4],
  ]);
});

test("a source's error comes in its place, also when the reader takes its time", async () => {
  async function* source() {
    yield bytes(1);
    throw new Error("broken off");
  }
  const seen: Uint8Array[] = [];
  const reading = (async () => {
    for await (const chunk of readAhead(source())) {
      await new Promise(setImmediate);
      seen.push(chunk);
    }
  })();
  await expect(reading).rejects.toThrow("broken off");
  expect(seen).toEqual([bytes(1)]);
});

test("a reader that stops ends the source", async () => {
  let ended = false;
  async function* source() {
    try {
      for (;;) yield bytes(1);
    } finally {
      ended = true;
    }
  }
  for await (const _chunk of readAhead(source())) break;
  expect(ended).toBe(true);
});

import { expect, test } from "vitest";
import { openPartMemory } from "../../actions/lib/vault/s3/client.ts";

/** Whether it has come by now. */
async function came(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

test("one transfer may use the whole budget, and waits beyond it", async () => {
  const memory = openPartMemory(30).join();
  const taken = [await memory.take(10), await memory.take(10), await memory.take(10)];
  const more = memory.take(10);
  expect(await came(more)).toBe(false);
  for (const buffer of taken.slice(0, 1)) memory.give(buffer);
  expect(await came(more)).toBe(true);
});

test("a transfer that joins late has its own buffer at once, and the others' extra ones are not given out again", async () => {
  const shares = openPartMemory(30);
  const [first, second] = [shares.join(), shares.join()];
  const own = await first.take(10);
  const extra = await first.take(10);
  expect(await came(second.take(10))).toBe(true);
  const third = shares.join();
  expect(await came(third.take(10))).toBe(true); // over the budget, but nobody waits for ever
  const again = first.take(10);
  first.give(extra);
  expect(await came(again)).toBe(false);
  first.give(own);
  expect(await came(again)).toBe(true);
});

test("buffers are used again", async () => {
  const memory = openPartMemory(10).join();
  const first = await memory.take(10);
  memory.give(first);
  expect(await memory.take(10)).toBe(first);
});

test("who is called off while waiting takes nothing", async () => {
  const memory = openPartMemory(10).join();
  const first = await memory.take(10);
  const stop = new AbortController();
  const waiting = memory.take(10, stop.signal);
  stop.abort(new Error("called off"));
  await expect(waiting).rejects.toThrow("called off");
  memory.give(first);
  expect(await came(memory.take(10))).toBe(true);
});

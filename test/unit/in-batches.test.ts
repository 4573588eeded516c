import { expect, test } from "vitest";
import { doInBatches, type Ways } from "../../actions/lib/base/flow/bounded.ts";

/** A server that does a thing only after the thing it depends on; `done` is in the order of doing. */
function server(needs: Readonly<Record<number, number>>) {
  const done: number[] = [];
  const messages: number[] = [];
  const works = (item: number, before: readonly number[]) =>
    needs[item] === undefined || before.includes(needs[item] ?? 0);
  const ways: Ways<number> = {
    async together(batch) {
      messages.push(batch.length);
      if (!batch.every((item, index) => works(item, [...done, ...batch.slice(0, index)]))) return false;
      done.push(...batch);
      return true;
    },
    async alone(item) {
      messages.push(1);
      if (!works(item, done)) return `${item} needs ${needs[item]}`;
      done.push(item);
      return undefined;
    },
  };
  return { done, messages, ways };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("things that all work take few messages and keep their order", async () => {
  const { done, messages, ways } = server({});
  expect(await doInBatches(upTo(81), ways)).toEqual(new Map());
  expect(done).toEqual(upTo(81));
  expect(messages).toEqual([40, 40, 1]);
});

test("what has to wait for something later is done when that is there", async () => {
  const { done, ways } = server({ 0: 2, 2: 4 });
  expect(await doInBatches(upTo(5), ways)).toEqual(new Map());
  expect(done).toEqual([1, 3, 4, 2, 0]);
});

test("what does not work in any order is told with its reason, and holds nothing else up", async () => {
  const { done, ways } = server({ 1: 7, 2: 1 });
  expect(await doInBatches(upTo(4), ways)).toEqual(
    new Map([
      [1, "1 needs 7"],
      [2, "2 needs 1"],
    ]),
  );
  expect(done).toEqual([0, 3]);
});

import { expect, test } from "vitest";
import { openChangedLines } from "../../actions/lib/vault/files/read-files.ts";

test("lines come back shard by shard, in the order in which they came, whatever stands in them", () => {
  const lines = openChangedLines();
  const given = Array.from({ length: 5000 }, (_, n) => ({ shard: (n * 7) % 3, line: `{"name":"نورة ${n} é 😀"}` }));
  for (const { shard, line } of given) lines.add(shard, line);
  for (const shard of [0, 1, 2]) {
    const expected = given.filter((one) => one.shard === shard).map(({ line }) => line);
    expect([...lines.of(shard)]).toEqual(expected);
    expect([...lines.of(shard)]).toEqual(expected);
  }
  expect([...lines.of(3)]).toEqual([]);
});

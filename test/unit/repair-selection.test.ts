import { expect, test } from "vitest";
import { parseKeysFile } from "../../actions/lib/operations/repair/plan/keys-file.ts";
import { parseTransactions } from "../../actions/lib/operations/repair/plan/selection.ts";

const usage = { exitCode: 2, code: "usage" };

test("transactions are named one by one, in a list, and from one to another", () => {
  expect(parseTransactions("734")).toEqual([{ first: 734, last: 734 }]);
  expect(parseTransactions(" 740..745 ,734")).toEqual([
    { first: 734, last: 734 },
    { first: 740, last: 745 },
  ]);
});

test("a transaction's whole number is taken as the half of it that rows bear", () => {
  expect(parseTransactions(String(2n ** 32n * 3n + 77n))).toEqual([{ first: 77, last: 77 }]);
});

test.each(["", "x", "12-14", "9..5", "2", "0", "734,", "734;drop", "-5", "1e3"])(
  "%j names no transaction, and is refused before anything is asked",
  (text) => {
    expect(() => parseTransactions(text)).toThrow(expect.objectContaining(usage));
  },
);

test("a file of keys names its columns first, and keeps what COPY has escaped", () => {
  expect(parseKeysFile("id\tname\r\n1\ta\\tb\r\n2\t\\N")).toEqual({
    columns: ["id", "name"],
    rows: "1\ta\\tb\n2\t\\N\n",
  });
});

test.each(["", "\n1\n", "id\n", "id\n\n", "id\tid\n1\t1\n"])("a file of keys %j is refused", (text) => {
  expect(() => parseKeysFile(text)).toThrow(expect.objectContaining({ exitCode: 2, code: "keys-unreadable" }));
});

import { expect, test } from "vitest";
import { Foresight } from "../../actions/lib/postgres/dump/conversation.ts";

const foresight = new Foresight([
  { kind: "function", oid: "16400" },
  { kind: "view", oid: "16401" },
  { kind: "function", oid: "16402" },
  { kind: "function", oid: "16403" },
]);

test("the same is asked of what is of the same kind, what comes next first", () => {
  expect(foresight.like("EXECUTE dumpFunc('16402')")).toEqual([
    "EXECUTE dumpFunc('16403')",
    "EXECUTE dumpFunc('16400')",
  ]);
});

test("nothing is foreseen of what changes something, names no one object, or one that nobody knows", () => {
  for (const question of ["SET x = '16402'", "SELECT 1", "SELECT f('16402'::oid, '16403'::oid)", "SELECT f('99999')"])
    expect(foresight.like(question)).toEqual([]);
});

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { longest } from "../runner/longest-first.ts";

test("what is begun early is there", () => {
  expect(longest.filter((name) => !existsSync(new URL(`../${name}.test.ts`, import.meta.url)))).toEqual([]);
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readingRows } from "./table/reading-rows.ts";
import { ReadingScene } from "./table/reading-scene.ts";
import { nameOf, recordOf } from "./table/row.ts";

describe("a command that reads the vault while it fails:", () => {
  let scene: ReadingScene;
  beforeAll(async () => {
    scene = await ReadingScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of readingRows) {
    test(nameOf(row), async ({ task }) => {
      const seen = await scene.run(row);
      task.meta.faults = [recordOf(row, seen)];
      expect(seen).toMatchObject({ outcome: row.outcome, broken: [], falseSuccess: false });
      if (row.code !== undefined) expect(seen.code).toMatch(new RegExp(row.code));
    });
  }
});

import { afterAll, beforeAll, describe, test } from "vitest";
import { judge } from "./table/judge.ts";
import { readingRows } from "./table/reading-rows.ts";
import { ReadingScene } from "./table/reading-scene.ts";
import { nameOf } from "./table/row.ts";

describe("a command that reads the vault while it fails:", () => {
  let scene: ReadingScene;
  beforeAll(async () => {
    scene = await ReadingScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of readingRows) {
    test(nameOf(row), async ({ task }) => {
      judge(task, row, await scene.run(row));
    });
  }
});

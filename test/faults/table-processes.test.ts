import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { judge } from "./table/judge.ts";
import { processRows } from "./table/process-rows.ts";
import { ProcessScene } from "./table/process-scene.ts";
import { nameOf } from "./table/row.ts";

describe("the command line as a process that something happens to, in the stage of", () => {
  let scene: ProcessScene;
  beforeAll(async () => {
    scene = await ProcessScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of processRows) {
    test(nameOf(row), async ({ task }) => {
      judge(task, row, await scene.run(row));
    });
  }

  test("after all of it every set is whole", async () => {
    const { visible } = await scene.backups.look();
    expect(await scene.backups.problems(visible)).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, test } from "vitest";
import { judge } from "./table/judge.ts";
import { RestoreScene } from "./table/restore-scene.ts";
import { restoreTargetRows } from "./table/restore-target-rows.ts";
import { nameOf } from "./table/row.ts";

describe("a restore whose target fails, in the stage of", () => {
  let scene: RestoreScene;
  beforeAll(async () => {
    scene = await RestoreScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of restoreTargetRows) {
    test(nameOf(row), async ({ task }) => {
      judge(task, row, await scene.run(row));
    });
  }
});

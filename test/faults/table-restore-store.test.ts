import { afterAll, beforeAll, describe, test } from "vitest";
import { judge } from "./table/judge.ts";
import { RestoreScene } from "./table/restore-scene.ts";
import { restoreStoreRows } from "./table/restore-store-rows.ts";
import { nameOf } from "./table/row.ts";

describe("a restore whose store fails, in the stage of", () => {
  let scene: RestoreScene;
  beforeAll(async () => {
    scene = await RestoreScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of restoreStoreRows) {
    test(nameOf(row), async ({ task }) => {
      judge(task, row, await scene.run(row));
    });
  }
});

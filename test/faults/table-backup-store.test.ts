import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BackupScene } from "./table/backup-scene.ts";
import { backupStoreRows } from "./table/backup-store-rows.ts";
import { judge } from "./table/judge.ts";
import { nameOf } from "./table/row.ts";

describe("a backup whose store fails, in the stage of", () => {
  let scene: BackupScene;
  beforeAll(async () => {
    scene = await BackupScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of backupStoreRows) {
    test(nameOf(row), async ({ task }) => {
      judge(task, row, await scene.run(row));
    });
  }

  test("after all of it every set is whole", async () => {
    const { visible } = await scene.look();
    expect(await scene.problems(visible)).toEqual([]);
  });
});

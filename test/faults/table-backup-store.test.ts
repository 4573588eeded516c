import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BackupScene } from "./table/backup-scene.ts";
import { backupStoreRows } from "./table/backup-store-rows.ts";
import { nameOf, recordOf } from "./table/row.ts";

describe("a backup whose store fails, in the stage of", () => {
  let scene: BackupScene;
  beforeAll(async () => {
    scene = await BackupScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of backupStoreRows) {
    test(nameOf(row), async ({ task }) => {
      const seen = await scene.run(row);
      task.meta.faults = [recordOf(row, seen)];
      expect(seen).toMatchObject({ outcome: row.outcome, broken: [], falseSuccess: false });
      if (row.code !== undefined) expect(seen.code).toMatch(new RegExp(row.code));
    });
  }

  test("after all of it every set is whole", async () => {
    const { visible } = await scene.look();
    expect(await scene.problems(visible)).toEqual([]);
  });
});

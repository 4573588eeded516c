import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RestoreScene } from "./table/restore-scene.ts";
import { restoreStoreRows } from "./table/restore-store-rows.ts";
import { nameOf, recordOf } from "./table/row.ts";

describe("a restore whose store fails, in the stage of", () => {
  let scene: RestoreScene;
  beforeAll(async () => {
    scene = await RestoreScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  for (const row of restoreStoreRows) {
    test(nameOf(row), async ({ task }) => {
      const seen = await scene.run(row);
      task.meta.faults = [recordOf(row, seen)];
      expect(seen).toMatchObject({ outcome: row.outcome, broken: [], falseSuccess: false });
      if (row.code !== undefined) expect(seen.code).toMatch(new RegExp(row.code));
    });
  }
});

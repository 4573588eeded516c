import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { judge } from "./judge.ts";
import { type FaultRow, nameOf, type Seen } from "./row.ts";
import type { ServedScene } from "./served-scene.ts";

/** Where rows of one kind are played. */
interface Scene<Row> extends AsyncDisposable {
  run(row: Row): Promise<Seen>;
}

/**
 * The tests of a part of the table: each row is played in the one scene, and judged.
 *
 * @param title what the rows' names, which begin with a stage, go on from
 * @param wholeIn where, after all of it, every set must be whole
 */
export function describeRows<Row extends FaultRow<never, unknown>, Stage extends Scene<Row>>(
  title: string,
  rows: readonly Row[],
  open: () => Promise<Stage>,
  wholeIn?: (scene: Stage) => Pick<ServedScene, "look" | "problems">,
): void {
  describe(title, () => {
    let scene: Stage;
    beforeAll(async () => {
      scene = await open();
    });
    afterAll(() => scene?.[Symbol.asyncDispose]());

    for (const row of rows) {
      test(nameOf(row), async ({ task }) => {
        judge(task, row, await scene.run(row));
      });
    }

    if (wholeIn === undefined) return;
    test("after all of it every set is whole", async () => {
      const served = wholeIn(scene);
      // Each was opened by the row that it came from.
      expect(await served.problems((await served.look()).visible, false)).toEqual([]);
    });
  });
}

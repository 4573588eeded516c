import { expect, test } from "vitest";
import { nameRun } from "../../actions/lib/operations/sync/begin.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";

test("a run is named after the newest snapshot, also when that is of the same second", async () => {
  let newest: string | undefined;
  for (let turn = 0; turn < 2; turn++) {
    const set = await nameRun(newest);
    expect(set > (newest ?? "")).toBe(true);
    newest = set;
  }
});

test("a clock that is behind does not hold a run up for ever", async () => {
  const tomorrow = newSetId(new Date(Date.now() + 86_400_000));
  expect((await nameRun(tomorrow, 200)) < tomorrow).toBe(true);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { holdRows } from "./table/holds-rows.ts";
import { type HeldScene, openHeldScene } from "./table/holds-scene.ts";

/** Twelve ways to break a hold, and some more: each is refused by the store, changes nothing, or is an alarm. */

let scenes: Awaited<ReturnType<typeof openHeldScene>>;
beforeAll(async () => {
  scenes = await openHeldScene();
}, 120_000);
afterAll(() => scenes?.[Symbol.asyncDispose]());

test("a held set is held in vault and replica, files and all, and a check of it has nothing to say", async () => {
  await using scene = await scenes.make();
  expect(await scene.check()).toBe("");
  for (const set of [scene.subject.set, scene.subject.files ?? ""])
    expect(await scene.why(set)).toContain("a lawyer asked");
  expect(await scene.why(scene.free.set)).toBeNull();
});

test("two stores that enforce legal holds delete no held version, whatever a role may, and let go when the hold is lifted", async () => {
  await using moto = await openHeldScene("moto");
  for (const { make } of [scenes, moto]) {
    await using scene = await make();
    const [pack] = await versionsBelow(scene.vault.transport, scene.pack);
    expect(await scene.destroy(scene.vault, scene.pack)).toBe(1);
    expect(await versionsBelow(scene.vault.transport, scene.pack)).toEqual([pack]);
    await scene.lift(scene.vault, scene.pack);
    expect(await scene.destroy(scene.vault, scene.pack)).toBe(0);
    expect(await versionsBelow(scene.vault.transport, scene.pack)).toEqual([]);
  }
});

for (const { kind, told, attack, alarm, aged } of holdRows) {
  test(`${kind}: ${told}`, async ({ task }) => {
    await using scene: HeldScene = await scenes.make();
    await attack(scene);
    const stays = (await scene.why(scene.subject.set)) !== null;
    const alarms = await scene.check(aged && scene.pack);
    const right = stays && (alarm === null ? alarms === "" : alarm.test(alarms));
    const seen = right ? told : `${stays ? "held" : "not held any more"}, ${alarms === "" ? "no alarm" : alarms}`;
    task.meta.faults = [{ kind, stage: "hold", expected: told, seen, code: undefined, right, falseSuccess: !right }];
    expect(seen).toBe(told);
  });
}

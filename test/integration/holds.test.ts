import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { dailySummary } from "../../actions/lib/notify/daily-summary.ts";
import { checkPromises } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { truthOf } from "../../actions/lib/report/branch/standing.ts";
import { legalHoldOf } from "../../actions/lib/vault/bucket/lock.ts";
import { askStanding } from "../../actions/lib/vault/configured.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { type HeldScene, manifestOf, openHeldScene } from "../faults/table/holds-scene.ts";
import { lifeboat as command } from "../lab/command-line.ts";

/** What people do with holds, at the command line, in a store that enforces them. */

let scenes: Awaited<ReturnType<typeof openHeldScene>>;
let scene: HeldScene;
beforeAll(async () => {
  scenes = await openHeldScene();
}, 120_000);
beforeEach(async () => {
  await scene?.[Symbol.asyncDispose]();
  scene = await scenes.make();
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await scenes?.[Symbol.asyncDispose]();
});

async function lifeboat(args: readonly string[], change: Record<string, string> = {}) {
  const quiet = args[0] === "hold" || args[0] === "release" ? ["--quiet-run"] : [];
  const ended = await command([...args, "--json", ...quiet], { ...scene.env, ...change });
  return { ...ended, status: ended.code, json: () => JSON.parse(ended.stdout) };
}

/** Versions of the free set that the store's hold is on. */
async function heldOf(vault = scene.vault): Promise<number> {
  const versions = await versionsBelow(vault.transport, setPrefix("daily", scene.free.set));
  const states = await Promise.all(versions.map((one) => legalHoldOf(vault, one)));
  return states.filter((state) => state === "on").length;
}

test("hold, list and release: the register says it, the store enforces it, and lets go again", async () => {
  const { set } = scene.free;
  expect((await lifeboat(["hold", set, "--reason", "court order", "--dry-run"])).json()).toMatchObject({
    outcome: "would-place",
  });
  expect(await heldOf()).toBe(0);
  expect(await scene.why(set)).toBeNull();

  const held = await lifeboat(["hold", set, "--reason", "court order"]);
  expect(held).toMatchObject({ status: 0 });
  expect([await heldOf(), await heldOf(scene.replica)]).toEqual([4, 4]);
  expect(await scene.why(set)).toContain("court order");
  const { hold } = held.json();
  expect(await lifeboat(["holds", "--check"])).toMatchObject({ status: 0 });
  // The entry comes to the replica by replication, and the next run holds it there.
  await scene.replicate(`holds/${set}/`);
  const unfinished = await lifeboat(["holds", "--check"]);
  expect(unfinished).toMatchObject({ status: 1 });
  expect(unfinished.stdout).toContain("never finished");
  expect(await lifeboat(["hold", set])).toMatchObject({ status: 0 });
  expect((await scene.register()).holds.filter(({ subject }) => subject.set === set)).toMatchObject([{ id: hold.id }]);

  const listed = await lifeboat(["holds", "--check"]);
  expect(listed).toMatchObject({ status: 0 });
  const { alarms, holds } = listed.json();
  expect(alarms).toEqual([]);
  expect(holds).toHaveLength(2);
  // Both may have been placed in one second, so either can come first.
  expect(holds).toContainEqual(expect.objectContaining({ id: hold.id, signed: true, reason: "court order" }));
  expect(holds.every((one: { signed: boolean }) => one.signed)).toBe(true);
  expect((await lifeboat(["list"])).json().sets.find((one: { set: string }) => one.set === set).hold).toContain(
    "court order",
  );

  expect(await lifeboat(["release", set, "--reason", "case closed"])).toMatchObject({ status: 0 });
  expect([await heldOf(), await heldOf(scene.replica)]).toEqual([0, 0]);
  expect(await scene.why(set)).toBeNull();
  // The other hold was not touched.
  expect(await scene.check()).toBe("");
});

test("what another hold needs stays held when one is released", async () => {
  const files = scene.subject.files ?? "";
  await lifeboat(["hold", files, "--files", "--reason", "the files alone"]);
  expect(await lifeboat(["release", scene.subject.set, "--reason", "over"])).toMatchObject({ status: 0 });
  const { versionId } = (await versionsBelow(scene.vault.transport, scene.pack))[0] ?? {};
  expect(await legalHoldOf(scene.vault, { key: scene.pack, versionId })).toBe("on");
  expect(await scene.why(files)).toContain("the files alone");
  expect(await scene.destroy(scene.vault, scene.pack)).toBe(1);
});

test("what makes no sense is refused before anything is written", async () => {
  const { set } = scene.free;
  const before = await versionsBelow(scene.vault.transport, "holds/");
  const refused = async (args: string[], said: string, change: Record<string, string> = {}) => {
    const { status, stderr } = await lifeboat(args, change);
    expect({ args, status }).toEqual({ args, status: 2 });
    expect(stderr).toContain(said);
  };
  await refused(["hold", set], "no reason");
  await refused(["hold", set, "--reason", " "], "--reason");
  await refused(["hold", set, "--reason", "x", "--until", "2020-01-01"], "in the past");
  await refused(["hold", set, "--reason", "x", "--until", "soon"], "--until");
  await refused(["hold", "20200101T000000Z-00000000", "--reason", "x"], "There is no set");
  await refused(["hold", set, "--reason", "x", "--until", "2099-01-01"], "signature", { RESTORE_PRIVATE_KEY: "" });
  await refused(["release", set, "--reason", "x"], "no hold");
  await refused(["release", "latest", "--reason", "x"], "is named like");
  await refused(["release", scene.subject.set, "--reason", "x"], "no key that signs", { RESTORE_PRIVATE_KEY: "" });
  expect(await versionsBelow(scene.vault.transport, "holds/")).toEqual(before);
});

test("what cannot be held is named with exit 1, the register keeps the set all the same, and another run finishes", async () => {
  const { set } = scene.free;
  const key = `${setPrefix("daily", set)}schema.dump.zst.pgp`;
  const lost = (await versionsBelow(scene.replica.transport, key))[0];
  await scene.destroy(scene.replica, key);
  const held = await lifeboat(["hold", set, "--reason", "x"]);
  expect(held).toMatchObject({ status: 1 });
  expect(held.stdout).toContain(`"key": "${key}"`);
  expect(lost?.key).toBe(key);
  expect(await scene.why(set)).not.toBeNull();
  expect([await heldOf(), await heldOf(scene.replica)]).toEqual([4, 3]);
  await scene.replicate(key);
  expect(await lifeboat(["hold", set])).toMatchObject({ status: 0 });
  expect(await heldOf(scene.replica)).toBe(4);
});

test("a broken hold is told by the policy check, the daily summary and what the reports read", async () => {
  const config = await loadConfig({ needs: ["vault"], env: scene.env });
  expect((await askStanding(config)).holds).toEqual([]);
  await scene.lift(scene.vault, manifestOf(scene));
  const told = `without their legal hold, which somebody lifted or never finished, and not by Lifeboat: 1 held object (${scene.vault.bucket}/${manifestOf(scene)})`;
  const standing = await askStanding(config);
  expect(standing.holds).toEqual([expect.stringContaining(told)]);
  const promises = await checkPromises(config, truthOf(standing));
  const words = { pageUrl: () => undefined, label: (operation: string) => operation };
  const summary = dailySummary({ day: "2026-11-29", reports: [], promises }, words);
  expect(summary.lines.join("\n")).toContain(told);
  const check = await lifeboat(["policy", "check"]);
  expect(check.status).toBe(1);
  expect(check.stdout).toContain(told);
});

test("a hold ends by the store's clock, whatever this machine's says", async () => {
  const { set } = scene.free;
  await lifeboat([
    "hold",
    set,
    "--reason",
    "x",
    "--until",
    new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, ""),
  ]);
  const real = Date.now;
  Date.now = () => real() + 400 * 86_400_000;
  try {
    expect(await scene.why(set)).not.toBeNull();
  } finally {
    Date.now = real;
  }
});

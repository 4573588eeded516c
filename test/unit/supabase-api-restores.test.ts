import { beforeEach, describe, expect, test } from "vitest";
import { addDailyBackups, lookInside, type World } from "../lab/supabase-api/index.ts";
import { PlayedApi } from "./supabase-api-played.ts";

/** What was measured on real projects, as the lab plays it: a recovery that is good here has met all of it. */

let api: PlayedApi;
beforeEach(() => {
  api = new PlayedApi();
});
const second = 1000;

describe("a restore to a point in time", () => {
  test("is refused by its text without the add-on, before the window, and after its upper bound", async () => {
    const now = api.clock.now();
    const range = /^Recovery time target must be within range: \d+ <= t <= \d+$/;
    expect((await api.restore(now)).json.message).toMatch(range);
    expect((await api.restore(now - 8 * 86_400_000)).json.message).toMatch(range);
    api.project.addons.pitr = undefined;
    expect((await api.restore(now - 600_000)).json).toEqual({ message: "PITR is not enabled for this project." });
  });

  test("is refused for 19 to 121 seconds after the moment, by the seed", async () => {
    const waits: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      api = new PlayedApi(seed);
      const moment = api.clock.now();
      for (;;) {
        if ((await api.restore(moment)).status === 201) break;
        await api.clock.sleep(second);
      }
      waits.push((api.clock.now() - moment) / second);
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(19);
    expect(Math.min(...waits)).toBeLessThan(30);
    expect(Math.max(...waits)).toBeLessThanOrEqual(122);
    expect(Math.max(...waits)).toBeGreaterThan(105);
  });

  test("answers 201 with nothing, looks healthy at first, and brings another postmaster with the rows of then", async () => {
    const moment = api.clock.now();
    const before = await api.inside();
    await api.clock.sleep(60 * second);
    const answer = await api.restoreWhenTaken(moment);
    expect([answer.status, answer.text]).toEqual([201, ""]);
    expect(await api.status()).toBe("ACTIVE_HEALTHY");
    expect((await api.inside()).startedAt).toBe(before.startedAt);
    expect(await api.secondsUntil("RESTORING")).toBeLessThanOrEqual(9);
    expect(await lookInside(api.world, api.project.ref, api.project.password)).toBe("57P03");
    expect(await api.secondsUntil("ACTIVE_HEALTHY")).toBeLessThanOrEqual(42);
    const health = await api.ask("GET", "~/health?services=realtime,storage,rest");
    expect(health.json.map((one: { status: string }) => one.status)).toEqual([
      "COMING_UP",
      "COMING_UP",
      "ACTIVE_HEALTHY",
    ]);
    await api.clock.sleep(60 * second);
    const after = await api.inside();
    expect(after.startedAt).toBeGreaterThan(moment);
    expect(after.timeline).toBe(before.timeline + 1);
    expect([after.has(moment - second), after.has(moment + 30 * second), after.has(api.clock.now())]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("ends as it was ordered: for ever, failed, empty, not at all, at another moment, with the old password", async () => {
    const moment = api.clock.now() - 600 * second;
    const end = async (order: World["restoreOrders"][number]) => {
      api = new PlayedApi();
      api.world.restoreOrders.push(order);
      await api.restore(moment);
      await api.clock.sleep(120 * second);
      return api.status();
    };
    expect(await end({ ends: "hangs" })).toBe("RESTORING");
    expect(await end({ ends: "fails" })).toBe("RESTORE_FAILED");
    expect(await end({ ends: "empty" })).toBe("ACTIVE_HEALTHY");
    expect((await api.inside()).newest).toBeUndefined();
    expect(await end({ ends: "empty", failsAfter: 30 })).toBe("RESTORE_FAILED");
    expect(await end({ ends: "ignored" })).toBe("ACTIVE_HEALTHY");
    expect((await api.inside()).startedAt).toBeLessThan(moment);
    expect(await end({ ends: "healthy", offSeconds: -3600 })).toBe("ACTIVE_HEALTHY");
    expect((await api.inside()).has(moment - 60 * second)).toBe(false);
    api = new PlayedApi();
    await api.ask("PATCH", "~/database/password", { password: "second password" });
    api.world.restoreOrders.push({ ends: "healthy", oldPassword: true });
    await api.restore(moment);
    await api.clock.sleep(120 * second);
    expect(await lookInside(api.world, api.project.ref, "second password")).toBe("28P01");
    expect(await lookInside(api.world, api.project.ref, "first password")).toMatchObject({ timeline: 2 });
  });

  test("fails early on a full disk; no other way back is to be had by the API", async () => {
    api.project.disk.usedBytes = 8 * 1024 ** 3 * 0.96;
    expect((await api.restore(api.clock.now() - 600 * second)).json).toEqual({
      message: "Failed to check for major version",
    });
    for (const [path, body] of [
      ["restore", { id: 1 }],
      ["restore-point", { name: "before" }],
      ["undo", { name: "before" }],
    ] as const)
      expect(await api.ask("POST", `~/database/backups/${path}`, body)).toMatchObject({
        status: 400,
        json: { message: "This endpoint is unavailable at the moment" },
      });
    expect((await api.ask("GET", "~/clone")).status).toBe(404);
  });
});

test("daily backups are not listed under point-in-time recovery, and kept by the plan without it", async () => {
  addDailyBackups(api.world, api.project, 20);
  expect((await api.ask("GET", "~/database/backups")).json).toMatchObject({
    ...{ pitr_enabled: true, backups: [] },
    physical_backup_data: { latest_physical_backup_date_unix: expect.any(Number) },
  });
  api.project.addons.pitr = undefined;
  const { json } = await api.ask("GET", "~/database/backups");
  expect([json.backups.length, json.physical_backup_data]).toEqual([7, {}]);
});

import { beforeEach, describe, expect, test } from "vitest";
import {
  addDailyBackups,
  addProject,
  addToken,
  createWorld,
  type Inside,
  lookInside,
  type Project,
  transportTo,
  VirtualClock,
  type World,
} from "../lab/supabase-api/index.ts";

/** What was measured on real projects, as the lab plays it: a recovery that is good here has met all of it. */

let clock: VirtualClock;
let world: World;
let project: Project;
const second = 1000;

function begin(seed = 1): void {
  clock = new VirtualClock();
  world = createWorld({ clock, seed });
  world.limit = 10_000;
  project = addProject(world);
  project.addons = { ...project.addons, compute: "ci_small", pitr: "pitr_7" };
}
beforeEach(() => begin());

async function ask(method: string, path: string, body?: object, token = world.tokens[0]?.value) {
  const answer = await transportTo(world)(`https://api.lab${path.replace("~", `/v1/projects/${project.ref}`)}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    headers: answer.headers,
    json: /^[[{]/.test(text) ? JSON.parse(text) : undefined,
  };
}
const status = async (ref = project.ref): Promise<string> => (await ask("GET", `/v1/projects/${ref}`)).json?.status;
const secondsUntil = async (wanted: string, ref = project.ref): Promise<number> => {
  const since = clock.now();
  while ((await status(ref)) !== wanted) {
    if (clock.now() - since > 3_600_000) return Number.POSITIVE_INFINITY;
    await clock.sleep(second);
  }
  return (clock.now() - since) / second;
};
const inside = async (password = project.password): Promise<Inside> => {
  const seen = await lookInside(world, project.ref, password);
  if (typeof seen === "string") throw new Error(seen);
  return seen;
};
const restorePath = "~/database/backups/restore-pitr";
const restore = (moment: number) =>
  ask("POST", restorePath, { recovery_time_target_unix: Math.floor(moment / second) });
/** Asks until the bound has passed the moment. */
async function restoreWhenTaken(moment: number) {
  for (;;) {
    const answer = await restore(moment);
    if (answer.status === 201) return answer;
    await clock.sleep(10 * second);
  }
}

describe("a restore to a point in time", () => {
  test("is refused by its text without the add-on, before the window, and after its upper bound", async () => {
    const now = clock.now();
    const range = /^Recovery time target must be within range: \d+ <= t <= \d+$/;
    expect((await restore(now)).json.message).toMatch(range);
    expect((await restore(now - 8 * 86_400_000)).json.message).toMatch(range);
    project.addons.pitr = undefined;
    expect((await restore(now - 600_000)).json).toEqual({ message: "PITR is not enabled for this project." });
  });

  test("is refused for 19 to 121 seconds after the moment, by the seed", async () => {
    const waits: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      begin(seed);
      const moment = clock.now();
      for (;;) {
        if ((await restore(moment)).status === 201) break;
        await clock.sleep(second);
      }
      waits.push((clock.now() - moment) / second);
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(19);
    expect(Math.min(...waits)).toBeLessThan(30);
    expect(Math.max(...waits)).toBeLessThanOrEqual(122);
    expect(Math.max(...waits)).toBeGreaterThan(105);
  });

  test("answers 201 with nothing, looks healthy at first, and brings another postmaster with the rows of then", async () => {
    const moment = clock.now();
    const before = await inside();
    await clock.sleep(60 * second);
    const answer = await restoreWhenTaken(moment);
    expect([answer.status, answer.text]).toEqual([201, ""]);
    expect(await status()).toBe("ACTIVE_HEALTHY");
    expect((await inside()).startedAt).toBe(before.startedAt);
    expect(await secondsUntil("RESTORING")).toBeLessThanOrEqual(9);
    expect(await lookInside(world, project.ref, project.password)).toBe("57P03");
    expect(await secondsUntil("ACTIVE_HEALTHY")).toBeLessThanOrEqual(42);
    const health = await ask("GET", "~/health?services=realtime,storage,rest");
    expect(health.json.map((one: { status: string }) => one.status)).toEqual([
      "COMING_UP",
      "COMING_UP",
      "ACTIVE_HEALTHY",
    ]);
    await clock.sleep(60 * second);
    const after = await inside();
    expect(after.startedAt).toBeGreaterThan(moment);
    expect(after.timeline).toBe(before.timeline + 1);
    expect([after.has(moment - second), after.has(moment + 30 * second), after.has(clock.now())]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("ends as it was ordered: for ever, failed, empty, not at all, at another moment, with the old password", async () => {
    const moment = clock.now() - 600 * second;
    const end = async (order: World["restoreOrders"][number]) => {
      begin();
      world.restoreOrders.push(order);
      await restore(moment);
      await clock.sleep(120 * second);
      return status();
    };
    expect(await end({ ends: "hangs" })).toBe("RESTORING");
    expect(await end({ ends: "fails" })).toBe("RESTORE_FAILED");
    expect(await end({ ends: "empty" })).toBe("ACTIVE_HEALTHY");
    expect((await inside()).newest).toBeUndefined();
    expect(await end({ ends: "empty", failsAfter: 30 })).toBe("RESTORE_FAILED");
    expect(await end({ ends: "ignored" })).toBe("ACTIVE_HEALTHY");
    expect((await inside()).startedAt).toBeLessThan(moment);
    expect(await end({ ends: "healthy", offSeconds: -3600 })).toBe("ACTIVE_HEALTHY");
    expect((await inside()).has(moment - 60 * second)).toBe(false);
    begin();
    await ask("PATCH", "~/database/password", { password: "second password" });
    world.restoreOrders.push({ ends: "healthy", oldPassword: true });
    await restore(moment);
    await clock.sleep(120 * second);
    expect(await lookInside(world, project.ref, "second password")).toBe("28P01");
    expect(await lookInside(world, project.ref, "first password")).toMatchObject({ timeline: 2 });
  });

  test("fails early on a full disk; no other way back is to be had by the API", async () => {
    project.disk.usedBytes = 8 * 1024 ** 3 * 0.96;
    expect((await restore(clock.now() - 600 * second)).json).toEqual({ message: "Failed to check for major version" });
    for (const [path, body] of [
      ["restore", { id: 1 }],
      ["restore-point", { name: "before" }],
      ["undo", { name: "before" }],
    ] as const)
      expect(await ask("POST", `~/database/backups/${path}`, body)).toMatchObject({
        status: 400,
        json: { message: "This endpoint is unavailable at the moment" },
      });
    expect((await ask("GET", "~/clone")).status).toBe(404);
  });
});

test("daily backups are not listed under point-in-time recovery, and kept by the plan without it", async () => {
  addDailyBackups(world, project, 20);
  expect((await ask("GET", "~/database/backups")).json).toMatchObject({
    ...{ pitr_enabled: true, backups: [] },
    physical_backup_data: { latest_physical_backup_date_unix: expect.any(Number) },
  });
  project.addons.pitr = undefined;
  const { json } = await ask("GET", "~/database/backups");
  expect([json.backups.length, json.physical_backup_data]).toEqual([7, {}]);
});

describe("a new project", () => {
  const body = (more: object) => ({ name: "new", organization_slug: "org", db_pass: "p", ...more });
  const specific = { region_selection: { type: "specific", code: "eu-west-1" } };

  test("is healthy after 126 to 135 seconds, its Storage later, its disk of 2 GB", async () => {
    const { json } = await ask("POST", "/v1/projects", body(specific));
    expect(json.status).toBe("COMING_UP");
    const took = await secondsUntil("ACTIVE_HEALTHY", json.ref);
    expect(took).toBeGreaterThanOrEqual(126);
    expect(took).toBeLessThanOrEqual(136);
    const storage = async () => (await ask("GET", `/v1/projects/${json.ref}/health?services=storage`)).json[0];
    expect(await storage()).toMatchObject({ error: "TenantNotFound" });
    await clock.sleep(45 * second);
    expect(await storage()).toMatchObject({ error: "SlowDown" });
    await clock.sleep(240 * second);
    expect(await storage()).toMatchObject({ healthy: true });
    expect((await ask("GET", `/v1/projects/${json.ref}/config/disk`)).json.attributes.size_gb).toBe(2);
  });

  test("is refused in a group's name as a region, without room, too small, over the quota", async () => {
    expect(await ask("POST", "/v1/projects", body({ region: "emea" }))).toMatchObject({ status: 400 });
    expect(await ask("POST", "/v1/projects", body({ ...specific, desired_instance_size: "nano" }))).toMatchObject({
      status: 400,
    });
    world.fullRegions.add("eu-west-1");
    expect(await ask("POST", "/v1/projects", body(specific))).toMatchObject({ status: 400 });
    const { json } = await ask("GET", "/v1/projects/available-regions?organization_slug=org");
    expect(json.all.specific.find(({ code }: { code: string }) => code === "eu-west-1")).toMatchObject({
      status: "capacity",
    });
    Object.assign(world.organizations[0] ?? {}, { restricted: true });
    expect(await ask("POST", "/v1/projects", body(specific))).toMatchObject({ status: 402 });
    expect(world.projects.size).toBe(1);
  });

  test("can hang or fail, and be removed with its backups", async () => {
    world.creationOrders.push({ ends: "hangs" }, { ends: "fails" });
    const [hanging, failing] = [
      await ask("POST", "/v1/projects", body(specific)),
      await ask("POST", "/v1/projects", body(specific)),
    ];
    expect(await secondsUntil("INIT_FAILED", failing.json.ref)).toBeLessThan(140);
    expect(await status(hanging.json.ref)).toBe("COMING_UP");
    expect((await ask("DELETE", `/v1/projects/${hanging.json.ref}`)).status).toBe(200);
    expect((await ask("GET", `/v1/projects/${hanging.json.ref}/database/backups`)).status).toBe(404);
  });
});

test("a disk grows once in four hours, to 6 GB or more, later; it never shrinks", async () => {
  const grow = (size_gb: number) => ask("POST", "~/config/disk", { attributes: { type: "gp3", size_gb, iops: 3000 } });
  expect(await grow(7)).toMatchObject({ status: 400 });
  project.disk.sizeGb = 2;
  expect(await grow(4)).toMatchObject({ status: 400 });
  expect(await grow(20)).toMatchObject({ status: 201, text: "" });
  expect(project.disk.sizeGb).toBe(2);
  await clock.sleep(90 * second);
  await status();
  expect(project.disk.sizeGb).toBe(20);
  expect(await grow(30)).toMatchObject({
    status: 429,
    json: { message: expect.stringContaining("once per four hours") },
  });
  await clock.sleep(4 * 3600 * second);
  expect(await grow(30)).toMatchObject({ status: 201 });
});

test("settings: secrets are told by hash, jwt_secret is taken without effect, what is only told is not taken", async () => {
  const { json } = await ask("PATCH", "~/config/auth", {
    smtp_pass: "mail secret",
    jwt_secret: "x",
    custom_oauth_max_providers: 99,
  });
  expect(json.smtp_pass).toMatch(/^hash:[0-9a-f]{64}$/);
  expect(json).not.toHaveProperty("jwt_secret");
  expect(json.custom_oauth_max_providers).toBe(3);
  expect(await ask("PATCH", "~/config/auth", { smtp_pass: json.smtp_pass })).toMatchObject({ status: 200 });
  // Whoever copies a hash back has set the hash.
  expect(project.auth["smtp_pass"]).toBe(json.smtp_pass);
  expect(await ask("PATCH", "~/config/realtime", { suspend: true })).toMatchObject({ status: 204, text: "" });
  expect(await ask("POST", "~/secrets", [{ name: "SUPABASE_X", value: "1" }])).toMatchObject({ status: 400 });
  expect((await ask("POST", "~/config/auth/signing-keys", { algorithm: "ES256" })).status).toBe(201);
  expect((await ask("POST", "~/config/auth/signing-keys", { algorithm: "ES256" })).json.message).toMatch(
    /^Please wait until \d{4}-/,
  );
});

test("wrong passwords close the pooler to everybody for a while", async () => {
  for (let tries = 0; tries < 15; tries++) {
    expect(await lookInside(world, project.ref, "wrong")).toBe("28P01");
    await clock.sleep(4 * second - 500);
  }
  expect(await lookInside(world, project.ref, project.password)).toBe("ECIRCUITBREAKER");
  await clock.sleep(130 * second);
  expect(await lookInside(world, project.ref, project.password)).toMatchObject({ timeline: 1 });
});

test("120 requests a minute, over all tokens of a user; whoever goes on meets a page", async () => {
  world.limit = 120;
  const other = addToken(world).value;
  for (let n = 0; n < 120; n++)
    expect((await ask("GET", "~", undefined, n % 2 === 0 ? other : undefined)).status).toBe(200);
  const limited = await ask("GET", "~");
  expect([limited.status, limited.headers.get("retry-after"), limited.json.message]).toEqual([
    429,
    "60",
    "ThrottlerException: Too Many Requests",
  ]);
  for (let n = 0; n < 240; n++) await ask("GET", "~");
  expect((await ask("GET", "~")).text).toMatch(/^<!DOCTYPE html>/);
  await clock.sleep(60 * second);
  expect((await ask("GET", "~")).status).toBe(200);
});

test("same seed, same world", async () => {
  const play = async (seed: number) => {
    begin(seed);
    await restoreWhenTaken(clock.now());
    const { json } = await ask("POST", "/v1/projects", {
      name: "n",
      organization_slug: "org",
      db_pass: "p",
      region_selection: { type: "smartGroup", code: "apac" },
    });
    return [project.ref, json.ref, await secondsUntil("ACTIVE_HEALTHY", json.ref), (await inside()).startedAt];
  };
  const first = await play(7);
  expect(await play(7)).toEqual(first);
  expect(await play(8)).not.toEqual(first);
});

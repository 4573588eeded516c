import { beforeEach, describe, expect, test } from "vitest";
import { addToken, lookInside } from "../lab/supabase-api/index.ts";
import { PlayedApi } from "./supabase-api-played.ts";

/** What was measured on real projects, as the lab plays it: a recovery that is good here has met all of it. */

let api: PlayedApi;
beforeEach(() => {
  api = new PlayedApi();
});
const second = 1000;

describe("a new project", () => {
  const body = (more: object) => ({ name: "new", organization_slug: "org", db_pass: "p", ...more });
  const specific = { region_selection: { type: "specific", code: "eu-west-1" } };

  test("is healthy after 126 to 135 seconds, its Storage later, its disk of 2 GB", async () => {
    const { json } = await api.ask("POST", "/v1/projects", body(specific));
    expect(json.status).toBe("COMING_UP");
    const took = await api.secondsUntil("ACTIVE_HEALTHY", json.ref);
    expect(took).toBeGreaterThanOrEqual(126);
    expect(took).toBeLessThanOrEqual(136);
    const storage = async () => (await api.ask("GET", `/v1/projects/${json.ref}/health?services=storage`)).json[0];
    expect(await storage()).toMatchObject({ error: "TenantNotFound" });
    await api.clock.sleep(45 * second);
    expect(await storage()).toMatchObject({ error: "SlowDown" });
    await api.clock.sleep(240 * second);
    expect(await storage()).toMatchObject({ healthy: true });
    expect((await api.ask("GET", `/v1/projects/${json.ref}/config/disk`)).json.attributes.size_gb).toBe(2);
  });

  test("is refused in a group's name as a region, without room, too small, over the quota", async () => {
    expect(await api.ask("POST", "/v1/projects", body({ region: "emea" }))).toMatchObject({ status: 400 });
    expect(await api.ask("POST", "/v1/projects", body({ ...specific, desired_instance_size: "nano" }))).toMatchObject({
      status: 400,
    });
    api.world.fullRegions.add("eu-west-1");
    expect(await api.ask("POST", "/v1/projects", body(specific))).toMatchObject({ status: 400 });
    const { json } = await api.ask("GET", "/v1/projects/available-regions?organization_slug=org");
    expect(json.all.specific.find(({ code }: { code: string }) => code === "eu-west-1")).toMatchObject({
      status: "capacity",
    });
    Object.assign(api.world.organizations[0] ?? {}, { restricted: true });
    expect(await api.ask("POST", "/v1/projects", body(specific))).toMatchObject({ status: 402 });
    expect(api.world.projects.size).toBe(1);
  });

  test("can hang or fail, and be removed with its backups", async () => {
    api.world.creationOrders.push({ ends: "hangs" }, { ends: "fails" });
    const [hanging, failing] = [
      await api.ask("POST", "/v1/projects", body(specific)),
      await api.ask("POST", "/v1/projects", body(specific)),
    ];
    expect(await api.secondsUntil("INIT_FAILED", failing.json.ref)).toBeLessThan(140);
    expect(await api.status(hanging.json.ref)).toBe("COMING_UP");
    expect((await api.ask("DELETE", `/v1/projects/${hanging.json.ref}`)).status).toBe(200);
    expect((await api.ask("GET", `/v1/projects/${hanging.json.ref}/database/backups`)).status).toBe(404);
  });
});

test("a disk grows once in four hours, to 6 GB or more, later; it never shrinks", async () => {
  const grow = (size_gb: number) =>
    api.ask("POST", "~/config/disk", { attributes: { type: "gp3", size_gb, iops: 3000 } });
  expect(await grow(7)).toMatchObject({ status: 400 });
  api.project.disk.sizeGb = 2;
  expect(await grow(4)).toMatchObject({ status: 400 });
  expect(await grow(20)).toMatchObject({ status: 201, text: "" });
  expect(api.project.disk.sizeGb).toBe(2);
  await api.clock.sleep(90 * second);
  await api.status();
  expect(api.project.disk.sizeGb).toBe(20);
  expect(await grow(30)).toMatchObject({
    status: 429,
    json: { message: expect.stringContaining("once per four hours") },
  });
  await api.clock.sleep(4 * 3600 * second);
  expect(await grow(30)).toMatchObject({ status: 201 });
});

test("settings: secrets are told by hash, jwt_secret is taken without effect, what is only told is not taken", async () => {
  const { json } = await api.ask("PATCH", "~/config/auth", {
    smtp_pass: "mail secret",
    jwt_secret: "x",
    custom_oauth_max_providers: 99,
  });
  expect(json.smtp_pass).toMatch(/^hash:[0-9a-f]{64}$/);
  expect(json).not.toHaveProperty("jwt_secret");
  expect(json.custom_oauth_max_providers).toBe(3);
  expect(await api.ask("PATCH", "~/config/auth", { smtp_pass: json.smtp_pass })).toMatchObject({ status: 200 });
  // Whoever copies a hash back has set the hash.
  expect(api.project.auth["smtp_pass"]).toBe(json.smtp_pass);
  expect(await api.ask("PATCH", "~/config/realtime", { suspend: true })).toMatchObject({ status: 204, text: "" });
  expect(await api.ask("POST", "~/secrets", [{ name: "SUPABASE_X", value: "1" }])).toMatchObject({ status: 400 });
  expect((await api.ask("POST", "~/config/auth/signing-keys", { algorithm: "ES256" })).status).toBe(201);
  expect((await api.ask("POST", "~/config/auth/signing-keys", { algorithm: "ES256" })).json.message).toMatch(
    /^Please wait until \d{4}-/,
  );
});

test("wrong passwords close the pooler to everybody for a while", async () => {
  for (let tries = 0; tries < 15; tries++) {
    expect(await lookInside(api.world, api.project.ref, "wrong")).toBe("28P01");
    await api.clock.sleep(4 * second - 500);
  }
  expect(await lookInside(api.world, api.project.ref, api.project.password)).toBe("ECIRCUITBREAKER");
  await api.clock.sleep(130 * second);
  expect(await lookInside(api.world, api.project.ref, api.project.password)).toMatchObject({ timeline: 1 });
});

test("120 requests a minute, over all tokens of a user; whoever goes on meets a page", async () => {
  api.world.limit = 120;
  const other = addToken(api.world).value;
  for (let n = 0; n < 120; n++)
    expect((await api.ask("GET", "~", undefined, n % 2 === 0 ? other : undefined)).status).toBe(200);
  const limited = await api.ask("GET", "~");
  expect([limited.status, limited.headers.get("retry-after"), limited.json.message]).toEqual([
    429,
    "60",
    "ThrottlerException: Too Many Requests",
  ]);
  for (let n = 0; n < 240; n++) await api.ask("GET", "~");
  expect((await api.ask("GET", "~")).text).toMatch(/^<!DOCTYPE html>/);
  await api.clock.sleep(60 * second);
  expect((await api.ask("GET", "~")).status).toBe(200);
});

test("same seed, same world", async () => {
  const play = async (seed: number) => {
    api = new PlayedApi(seed);
    await api.restoreWhenTaken(api.clock.now());
    const { json } = await api.ask("POST", "/v1/projects", {
      name: "n",
      organization_slug: "org",
      db_pass: "p",
      region_selection: { type: "smartGroup", code: "apac" },
    });
    return [
      api.project.ref,
      json.ref,
      await api.secondsUntil("ACTIVE_HEALTHY", json.ref),
      (await api.inside()).startedAt,
    ];
  };
  const first = await play(7);
  expect(await play(7)).toEqual(first);
  expect(await play(8)).not.toEqual(first);
});

import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { Secret } from "../../actions/lib/config/problems.ts";
import { type ManagementApi, openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { addProject, addToken, createWorld, transportTo, VirtualClock, type World } from "../lab/supabase-api/index.ts";

/** What the client makes of each way in which the Management API fails. Nothing waits for real. */

let clock: VirtualClock;
let world: World;
let api: ManagementApi;
const ref = "abcdefghijklmnopqrst";
const place = `/v1/projects/${ref}`;
const form = z.object({ status: z.string() });
const creation = {
  ...{ name: "recovered", organization_slug: "org", db_pass: "correct horse battery" },
  region_selection: { type: "specific", code: "eu-central-1" },
};

const open = (token = world.tokens[0]?.value ?? "") =>
  openManagementApi({
    ...{ url: "https://api.lab", token: new Secret(token), transport: transportTo(world), clock },
    patience: { attempts: 4, baseMillis: 1000, capMillis: 60_000 },
  });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => "no failure",
    (error: unknown) => error,
  );
const seconds = async (work: () => Promise<unknown>) => {
  const since = clock.now();
  await work();
  return (clock.now() - since) / 1000;
};

beforeEach(() => {
  clock = new VirtualClock();
  world = createWorld({ clock });
  addProject(world, { ref });
  api = open();
});

describe("what passes is waited for", () => {
  test("the limit, as long as the API says; its own pace keeps the client from it", async () => {
    world.limit = 5;
    expect(
      await seconds(async () => {
        for (let n = 0; n < 5; n++) await api.get(place, form);
      }),
    ).toBe(2);
    expect(await seconds(() => api.get(place, form))).toBeGreaterThanOrEqual(57);
  });

  test("a limit that tells its end by x-ratelimit-reset alone", async () => {
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "41" };
    world.faults.inject({
      kind: { status: 429, json: { message: "ThrottlerException: Too Many Requests" }, headers },
      times: 1,
    });
    expect(await seconds(() => api.get(place, form))).toBeGreaterThanOrEqual(41);
  });

  test.each([200, 403, 429, 503])("a page of Cloudflare's with status %i", async (status) => {
    const headers = { "content-type": "text/html; charset=UTF-8" };
    world.faults.inject({ kind: { status, headers, json: "<html>Just a moment</html>" }, times: 2 });
    expect(await api.get(place, form)).toEqual({ status: "ACTIVE_HEALTHY" });
    expect(world.requests).toHaveLength(3);
  });

  test.each(["reset", "lost", "cut"] as const)("a read whose answer is %s", async (kind) => {
    world.faults.inject({ kind, times: 2 });
    expect(await api.get(place, form)).toEqual({ status: "ACTIVE_HEALTHY" });
  });

  test("but not for ever", async () => {
    world.faults.inject({ kind: "page" });
    expect(await failure(api.get(place, form))).toMatchObject({ code: "api-unavailable", exitCode: 1 });
    expect(world.requests).toHaveLength(4);
  });
});

describe("a POST of which it cannot be told whether it was done", () => {
  test.each(["lost", { status: 502 }, { status: 504, json: {} }] as const)("is not sent twice (%o)", async (kind) => {
    world.faults.inject({ kind, on: /^POST/ });
    expect(await failure(api.ask("POST", "/v1/projects", form, creation))).toMatchObject({ code: "api-unsure" });
    expect(world.requests).toHaveLength(1);
    expect(world.projects.size).toBe(kind === "lost" ? 2 : 1);
  });

  test("that was done and whose answer is cut is unsure where the answer counts, and done where it does not", async () => {
    world.faults.inject({ kind: "cut", on: /^POST/ });
    expect(await failure(api.ask("POST", "/v1/projects", form, creation))).toMatchObject({ code: "api-unsure" });
    await api.send("POST", `${place}/cli/login-role`, { read_only: true });
    expect(world.requests).toHaveLength(2);
  });

  test("is sent again where it surely was not: behind a limit or a page", async () => {
    world.faults.next(429);
    world.faults.inject({ kind: "page", times: 1 });
    expect(await api.ask("POST", "/v1/projects", form, creation)).toEqual({ status: "COMING_UP" });
    expect(world.projects.size).toBe(2);
  });

  test("other writes are sent again: twice is as once", async () => {
    world.faults.inject({ kind: "lost", times: 1 });
    await api.send("PATCH", `${place}/postgrest`, { db_schema: "" });
    expect(world.requests).toHaveLength(2);
  });
});

describe("a refusal is told once, with what to do", () => {
  test("402: the plan", async () => {
    Object.assign(world.organizations[0] ?? {}, { restricted: true });
    const refused = await failure(api.ask("POST", "/v1/projects", form, creation));
    expect(refused).toMatchObject({
      code: "api-plan",
      status: 402,
      exitCode: 2,
      said: expect.stringContaining("fair use"),
    });
  });

  test("403: the permissions that the token lacks, by name", async () => {
    const narrow = open(addToken(world, { permissions: ["project_admin_read"] }).value);
    await narrow.get(place, form);
    const refused = await failure(
      narrow.send("POST", `${place}/database/backups/restore-pitr`, { recovery_time_target_unix: 1 }),
    );
    expect(refused).toMatchObject({
      code: "api-denied",
      missingPermissions: ["backups_write"],
      next: expect.stringContaining("backups_write"),
    });
  });

  test("401: an expired token; 404: a project of another organisation", async () => {
    const { value } = addToken(world, { expiresAt: clock.now() - 1 });
    expect(await failure(open(value).get(place, form))).toMatchObject({ code: "api-token", said: "JWT has expired" });
    const stranger = addToken(world, { organizations: ["other"] });
    expect(await failure(open(stranger.value).get(place, form))).toMatchObject({ code: "api-missing" });
  });

  test("400: the API's own words", async () => {
    const refused = await failure(
      api.send("POST", `${place}/database/backups/restore-pitr`, { recovery_time_target_unix: 1 }),
    );
    expect(refused).toMatchObject({ code: "api-refused", status: 400, said: "PITR is not enabled for this project." });
    expect(world.requests).toHaveLength(1);
  });

  test("429 for what may be done once in four hours is a refusal, not a limit to wait for", async () => {
    const body = { attributes: { type: "gp3", size_gb: 8, iops: 3000 } };
    await api.send("POST", `${place}/config/disk`, body);
    expect(await failure(api.send("POST", `${place}/config/disk`, body))).toMatchObject({
      ...{ code: "api-refused", status: 429 },
      said: expect.stringContaining("once per four hours"),
    });
  });

  test("without repeating what is secret, or what would break a line", async () => {
    const token = world.tokens[0]?.value;
    const message = `db_pass 'correct horse battery' is weak;\u202e\n::error::${token} postgresql://postgres:pw@db/x ${"y".repeat(5000)}`;
    world.faults.inject({ kind: { status: 400, json: { message: [message] } } });
    const refused = await failure(api.send("POST", "/v1/projects", creation));
    expect(String(refused)).toContain("is weak; ::error::… … yyy");
    expect(String(refused)).not.toMatch(/correct horse|sbp_|pw@|\n|\u202e/);
    expect(String(refused).length).toBeLessThan(600);
  });

  test("without repeating a secret of several lines, in whatever form it is quoted, nor a half of one", async () => {
    const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n";
    const secrets = [{ name: "GOOGLE_KEY", value: key }];
    for (const quoted of [key, JSON.stringify(key), `${" ".repeat(3900)}${key}${" ".repeat(200)}${key}`]) {
      world.faults.inject({ kind: { status: 400, json: { message: `too long: ${quoted}` } }, times: 1 });
      const refused = await failure(api.send("POST", `${place}/secrets`, secrets));
      expect(String(refused)).toContain("too long");
      expect(String(refused)).not.toMatch(/MIIE|BEGIN/);
    }
  });

  test.each([null, 7, "text", { message: { deep: true } }, { missing_permissions: ["a b\n", 5] }])(
    "whatever form it has (%o)",
    async (json) => {
      world.faults.inject({ kind: { status: 403, json } });
      expect(await failure(api.get(place, form))).toMatchObject({
        code: "api-denied",
        said: "",
        missingPermissions: [],
      });
    },
  );
});

describe("an answer that is none", () => {
  test.each(["huge", "deep"] as const)("because it is %s is refused, not read", async (kind) => {
    world.faults.inject({ kind });
    expect(await failure(api.get(place, z.unknown()))).toMatchObject({ code: "api-answer", exitCode: 1 });
    expect(world.requests).toHaveLength(1);
  });

  test("because it is empty, or of another form", async () => {
    expect(await failure(api.ask("PATCH", `${place}/config/realtime`, form, { suspend: true }))).toMatchObject({
      code: "api-answer",
    });
    expect(await failure(api.get(place, z.object({ state: z.string() })))).toMatchObject({
      message: expect.stringContaining("first at state"),
    });
  });
});

test("a function goes as a form and comes back as the bytes that it is", async () => {
  const sources = new FormData();
  sources.append("metadata", JSON.stringify({ entrypoint_path: "index.ts", name: "grade", verify_jwt: false }));
  sources.append("file", new Blob(["Deno.serve(() => new Response())"]), "index.ts");
  const shown = z.object({ slug: z.string(), ezbr_sha256: z.string(), verify_jwt: z.boolean() });
  const deployed = await api.ask("POST", `${place}/functions/deploy?slug=grade`, shown, sources);
  expect(deployed).toMatchObject({ slug: "grade", verify_jwt: false });
  const { body, type } = await api.bytes(`${place}/functions/grade/body`);
  const files = (await new Response(Buffer.from(body), { headers: { "content-type": type } }).formData()).getAll(
    "file",
  );
  expect(await (files[0] as File).text()).toBe("Deno.serve(() => new Response())");

  const bundle = new Blob([new Uint8Array([0, 255, 1])], { type: "application/vnd.denoland.eszip" });
  await api.send("POST", `${place}/functions?slug=bundled`, bundle);
  expect([...(await api.bytes(`${place}/functions/bundled/body`)).body]).toEqual([0, 255, 1]);
});

test("whoever stops, stops at once", async () => {
  const stop = new AbortController();
  world.heard = async () => stop.abort(new Error("stopped"));
  world.faults.inject({ kind: "page" });
  const stopped = openManagementApi({
    url: "https://api.lab",
    token: new Secret("x"),
    transport: transportTo(world),
    clock,
    signal: stop.signal,
  });
  expect(await failure(stopped.get(place, form))).toMatchObject({ message: "stopped" });
  expect(world.requests).toHaveLength(1);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import type { Secret } from "../../actions/lib/config/problems.ts";
import { tryConfiguration } from "../../actions/lib/operations/configuration/trial.ts";
import { tryLogin } from "../../actions/lib/operations/configuration/trial-login.ts";
import { isUnasked, type Trial } from "../../actions/lib/operations/configuration/trial-rules.ts";
import type { Configuration } from "../../actions/lib/supabase/configuration/document.ts";
import { type ClientKeys, readClientKeys } from "../../actions/lib/supabase/new-project/reach.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { backByLab, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { CarryScene, everything } from "../unit/carry-scene.ts";

/** A project whose settings were put back is asked itself, over the network: what the Management API shows is not enough. */

const server = sharedPostgres(17);
const scene = new CarryScene();
const signingKey = { kty: "EC", crv: "P-256", x: "our own key", y: "y" };
let supabase: SupabaseApi;
let project: LabProject;
let configuration: Configuration;

const url = () => supabase.projectUrl.replace("{ref}", scene.target.ref);
const keysOf = async () => (await readClientKeys(scene.apiBy(), scene.target.ref)) ?? expect.fail("no keys");
const { signal } = new AbortController();

beforeAll(async () => {
  scene.world.limit = 100_000;
  supabase = await startSupabaseApi({ world: scene.world });
  project = await createProject(server.superuserUrl(), `tried_${process.pid}`);
  const backing = await backByLab(scene.world, server.superuserUrl());
  await backing.adopt(scene.target, project);
  for (const key of scene.source.signingKeys) Object.assign(key, { publicJwk: signingKey });
  configuration = await scene.capture();
  const supplied = everything().set("signing-key", JSON.stringify({ ...signingKey, d: "private" }));
  await scene.carry(configuration, { supplied });
}, 60_000);
afterAll(async () => {
  await supabase?.[Symbol.asyncDispose]();
  if (project !== undefined) await dropProject(server.superuserUrl(), project.name);
});

async function tried(change: { readonly notCalled?: readonly string[] } = {}): Promise<Map<string, Trial>> {
  const { clock } = scene.world;
  const { ref } = scene.target;
  const trials = await tryConfiguration({
    ...{ api: scene.apiBy(), ref, url: url(), keys: await keysOf(), configuration, clock, signal },
    ...{ notCalled: [], ...change },
  });
  return new Map(trials.map((trial) => [trial.what, trial]));
}

test("settings, signing key and functions that are in force are verified, and no code of a guarded function is run", async () => {
  const trials = await tried();
  expect([...trials].map(([what, { outcome }]) => `${what}: ${outcome}`)).toEqual([
    ...["settings of sign-in: verified", "signing key: verified", "function grade: verified"],
    "function mail: verified",
  ]);
  expect(trials.get("settings of sign-in")?.why).toMatch(/works by [12]\d settings/);
  expect(trials.get("function mail")?.why).toContain("not run");
  expect((await tried({ notCalled: ["grade"] })).get("function grade")?.outcome).toBe("not tried");
});

test("what the Management API shows and the project does not do is named", async () => {
  const { auth, functions } = scene.world.frontFaults;
  auth.set("disable_signup", false).set("external_google_enabled", "hostile | text");
  functions.set("grade", [503, "BOOT_ERROR"]);
  scene.target.functions.delete("mail");
  scene.world.frontFaults.keysHidden = true;
  const trials = await tried();
  const why = (what: string) => [trials.get(what)?.outcome, trials.get(what)?.why];
  expect(why("settings of sign-in")).toEqual(["failed", expect.stringContaining("disable_signup, external_google")]);
  expect(why("settings of sign-in")[1]).not.toContain("hostile");
  expect(why("function grade")).toEqual(["failed", "it does not start (BOOT_ERROR)"]);
  expect(why("function mail")).toEqual(["failed", "it is not deployed (NOT_FOUND)"]);
  expect(why("signing key")).toEqual(["failed", expect.stringContaining("does not publish it")]);
});

test("a login is tried by a user made for it, who is gone afterwards, also one that an earlier run has left", async () => {
  const people = async () =>
    withClient(
      project.superuserUrl,
      async (client) => (await client.query("select count(*)::int from auth.users")).rows,
    );
  const before = await people();
  scene.target.auth["external_email_enabled"] = true;
  const login = async (hooks: readonly string[] = [], by = signal) =>
    withClient(project.postgresUrl, async (client) =>
      tryLogin({
        url: url(),
        keys: await keysOf(),
        id: "20261129T060000Z-0badcafe",
        hooks,
        client,
        clock: scene.world.clock,
        signal: by,
      }),
    );
  await execute(
    project.superuserUrl,
    "insert into auth.users (id, email) values (gen_random_uuid(), 'recovery-20261129t060000z-0badcafe@lifeboat.invalid')",
  );
  expect(await login()).toMatchObject({ outcome: "verified" });
  expect(await people()).toEqual(before);
  // Nobody's hook is called, and nothing of the application's is started.
  expect(await login(["hook_send_email_enabled"])).toMatchObject({
    ...{ outcome: "not tried", why: expect.stringContaining("hook_send_email_enabled") },
  });
  await execute(
    project.superuserUrl,
    `create function public.welcome() returns trigger language plpgsql as 'begin raise exception ''mail''; end';
     create trigger welcome after insert on auth.users for each row execute function public.welcome()`,
  );
  expect(await login()).toMatchObject({ outcome: "not tried", why: expect.stringContaining("triggers (welcome)") });
  scene.target.auth["external_email_enabled"] = false;
  expect(await login()).toMatchObject({ outcome: "not tried", why: "logins by mail and password are switched off" });
  scene.target.down.set("auth", Number.POSITIVE_INFINITY);
  expect(await login()).toMatchObject({ outcome: "failed" });
});

test("a login is tried again while Auth starts anew, and a user made for it goes also when that is called off", async () => {
  const { world, target } = scene;
  await execute(project.superuserUrl, "drop function public.welcome() cascade");
  target.auth["external_email_enabled"] = true;
  const people = async () =>
    withClient(
      project.superuserUrl,
      async (client) => (await client.query("select email from auth.users where email like 'recovery-%'")).rows,
    );
  const stop = new AbortController();
  const login = async (keys: ClientKeys, by: AbortSignal) =>
    withClient(project.postgresUrl, async (client) =>
      tryLogin({
        url: url(),
        keys,
        id: "20261129T060000Z-0badcafe",
        hooks: [],
        client,
        clock: world.clock,
        signal: by,
      }),
    );
  target.down.set("auth", world.clock.now() + 8000);
  const keys = await keysOf();
  expect(await login(keys, signal)).toMatchObject({ outcome: "verified" });
  let asked = 0;
  const publishable = {
    reveal() {
      // The second time is the login of the user who has just been made.
      if (++asked === 2) stop.abort(new Error("called off"));
      return keys.publishable.reveal();
    },
  } as Secret;
  await expect(login({ ...keys, publishable }, stop.signal)).rejects.toThrow("called off");
  expect(await people()).toEqual([]);
});

test("many functions that do not answer well do not use the promised time up, and those that were left out are named", async () => {
  const { clock } = scene.world;
  const [one] = configuration.functions;
  if (one === undefined) return expect.fail("no function");
  const functions = Array.from({ length: 200 }, (_, index) => ({ ...one, slug: `gone-${index}` }));
  const began = clock.now();
  const trials = await tryConfiguration({
    ...{ api: scene.apiBy(), ref: scene.target.ref, url: url(), keys: await keysOf(), clock, signal, notCalled: [] },
    configuration: { ...configuration, functions },
  });
  expect(clock.now() - began).toBeLessThan(10 * 60_000);
  const ends = trials.filter(({ what }) => what.startsWith("function "));
  expect(ends).toHaveLength(200);
  expect(ends.some(({ outcome }) => outcome === "failed")).toBe(true);
  expect(ends.every((trial) => trial.outcome === "failed" || isUnasked(trial))).toBe(true);
});

test("a token that may not look at one part hides nothing of the others", async () => {
  const api = scene.apiBy();
  const blind = Object.assign(Object.create(api) as typeof api, {
    get: (path: string, ...more: Parameters<typeof api.get> extends [string, ...infer Rest] ? Rest : never) =>
      /config\/auth/.test(path)
        ? Promise.reject(new OperationError("api-denied", "The token may not look.", ""))
        : api.get(path, ...more),
  });
  const trials = await tryConfiguration({
    ...{ api: blind, ref: scene.target.ref, url: url(), keys: await keysOf(), configuration, notCalled: [] },
    ...{ clock: scene.world.clock, signal },
  });
  expect(trials.filter(isUnasked).map(({ what }) => what)).toEqual(["settings of sign-in", "signing key"]);
  expect(trials.find(({ what }) => what === "function mail")).toMatchObject({ outcome: "failed" });
});

test("a project of the new keys alone is asked with those", async () => {
  const { publishable, secret } = await keysOf();
  expect([publishable, secret].map((key: Secret) => key.reveal().slice(0, 8))).toEqual(["sb_publi", "sb_secre"]);
});

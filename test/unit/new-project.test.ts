import { expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { enlargeDisk } from "../../actions/lib/supabase/new-project/disk.ts";
import { makeProject } from "../../actions/lib/supabase/new-project/make.ts";
import { removeProject } from "../../actions/lib/supabase/new-project/remove.ts";
import { waitUntilHealthy } from "../../actions/lib/supabase/new-project/wait.ts";
import { addProject, createWorld, transportTo } from "../lab/supabase-api/index.ts";
import { VirtualClock } from "../lab/virtual-clock.ts";

const wish = { name: "lab 20261122T221500Z-1a2b3c4d", organization: "org", region: "us-east-1", size: "small" };

function supabase() {
  const clock = new VirtualClock();
  const world = createWorld({ clock });
  const token = new Secret(world.tokens[0]?.value ?? "");
  const api = openManagementApi({ url: "http://api", token, transport: transportTo(world), clock });
  const waiting = { clock, log: silentLog, signal: new AbortController().signal };
  const make = (regions = ["us-east-1"], production: string | null = null, asked = false) =>
    makeProject(api, wish, "a password", { ...waiting, regions, production, asked });
  return { clock, world, api, waiting, make };
}
const asked = ({ requests }: { readonly requests: readonly string[] }) =>
  requests.filter((request) => request === "POST /v1/projects").length;

test("a project is made once: an answer that is lost is settled by its name, and a second run finds it", async () => {
  const { world, make } = supabase();
  world.faults.inject({ kind: "lost", on: /^POST \/v1\/projects$/, times: 1 });
  const ref = await make();
  expect([...world.projects.keys()]).toEqual([ref]);
  expect(asked(world)).toBe(1);
  expect(await make()).toBe(ref);
  expect(asked(world)).toBe(1);
});

test("a request that never arrived is made once more, after a minute and a half of looking", async () => {
  const { world, make, clock } = supabase();
  world.faults.inject({ kind: "reset", on: /^POST \/v1\/projects$/, times: 1 });
  const begun = clock.now();
  const ref = await make();
  expect([...world.projects.keys()]).toEqual([ref]);
  expect(clock.now() - begun).toBeGreaterThan(80_000);
});

test("a run that died before it heard the answer is followed by one that looks, though the list shows the project late", async () => {
  const { world, make, clock } = supabase();
  const { ref } = addProject(world, { name: wish.name, region: "us-east-1" });
  world.faults.inject({ kind: { status: 200, json: [] }, on: /^GET \/v1\/projects$/, until: clock.now() + 45_000 });
  expect(await make(["us-east-1"], null, true)).toBe(ref);
  expect(asked(world)).toBe(0);
});

test("what is not what was asked for is sent nothing: two of the name, another region, production", async () => {
  const twice = supabase();
  addProject(twice.world, { name: wish.name, region: "us-east-1" });
  addProject(twice.world, { name: wish.name, region: "us-east-1" });
  await expect(twice.make()).rejects.toMatchObject({ code: "two-projects" });
  const elsewhere = supabase();
  addProject(elsewhere.world, { name: wish.name, region: "eu-west-1" });
  await expect(elsewhere.make()).rejects.toMatchObject({ code: "region-refused" });
  await expect(elsewhere.make(["us-east-1", "eu-west-1"])).rejects.toMatchObject({ code: "project-other" });
  const production = supabase();
  const { ref } = addProject(production.world, { name: wish.name, region: "us-east-1" });
  await expect(production.make(["us-east-1"], ref)).rejects.toMatchObject({
    ...{ code: "project-other", message: expect.stringContaining("it is production") },
  });
});

test("it is waited for patiently, and a disk is changed once", async () => {
  const { world, make, api, waiting, clock } = supabase();
  const ref = await make();
  const begun = clock.now();
  await waitUntilHealthy(api, ref, waiting);
  expect(clock.now() - begun).toBeGreaterThan(120_000);
  expect(world.requests.length).toBeLessThan(60);
  expect(await enlargeDisk(api, ref, 30, waiting)).toBe(30);
  expect(await enlargeDisk(api, ref, 30, waiting)).toBe(30);
  expect(world.requests.filter((request) => /^POST .*disk$/.test(request))).toHaveLength(1);
});

test("a project is removed only when it is the one that was made, and until Supabase does not know it any more", async () => {
  const { world, api, waiting, make } = supabase();
  const ref = await make();
  const made = { ...{ by: "the drill", name: wish.name, organization: "org" }, production: ["abcdefghijklmnopqrst"] };
  const deletions = () => world.requests.filter((request) => request.startsWith("DELETE ")).length;
  const others = [{ name: "another" }, { organization: "others" }, { production: [ref] }];
  for (const other of others)
    await expect(removeProject(api, { ...made, ref, ...other }, waiting)).rejects.toMatchObject({
      code: "project-other",
    });
  expect(deletions()).toBe(0);
  const end = world.faults.inject({ kind: "no-effect", on: /^DELETE / });
  await expect(removeProject(api, { ...made, ref }, waiting)).rejects.toMatchObject({ code: "project-stays" });
  end();
  // Not one of the answers comes through: what is there tells that it was done.
  world.faults.inject({ kind: "lost", on: /^DELETE / });
  expect(await removeProject(api, { ...made, ref: null }, waiting)).toBe(ref);
  expect([...world.projects.keys()]).toEqual([]);
  expect(await removeProject(api, { ...made, ref }, waiting)).toBeUndefined();
});

import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { addProject, addToken } from "../lab/supabase-api/index.ts";
import { keysIn } from "./backup-lab.ts";
import { type LossLab, openLossLab } from "./loss-lab.ts";

/** What a recovery does not do, and says before anything is made; and what stands in its way when it has begun. */

let lab: LossLab;

beforeAll(async () => {
  lab = await openLossLab("refused_project");
  await lab.backUp();
});
afterAll(() => lab?.[Symbol.asyncDispose]());
afterEach(() => {
  lab.supabase.world.fullRegions.clear();
  lab.supabase.world.faults.clear();
});

const loss = { scenario: "complete-loss" } as const;

const policyWith = async (change: object) => ({ LIFEBOAT_POLICY: await lab.policyWith(change) });
const recovery = async (change: object) => {
  const { recovery: before }: { recovery: object } = JSON.parse(
    await readFile(String(lab.env["LIFEBOAT_POLICY"]), "utf8"),
  );
  return policyWith({ recovery: { ...before, ...change } });
};
const token = (facts: Parameters<typeof addToken>[1]) => ({
  SUPABASE_ACCESS_TOKEN: addToken(lab.supabase.world, facts).value,
});

describe("before anything is made", () => {
  afterEach(async () => {
    expect(lab.made()).toEqual([]);
    expect(await keysIn(lab.sets.vault, "recoveries/")).toEqual([]);
    expect(lab.supabase.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
  });
  const refused = (code: string, message: string | RegExp, next?: string | RegExp) => ({
    ...{ code, exitCode: 2, message: expect.stringMatching(message) },
    ...(next !== undefined && { next: expect.stringMatching(next) }),
  });

  test("a region that the policy forbids, and one that Supabase does not have", async () => {
    await expect(lab.recover({ ...loss, region: "eu-west-1" })).rejects.toMatchObject(
      refused("region-refused", /eu-west-1; the policy allows us-east-1, eu-central-1/),
    );
    const env = await policyWith({ regions: ["us-east-1", "mars-1"] });
    await expect(lab.recover({ ...loss, region: "mars-1" }, { env })).rejects.toMatchObject(
      refused("region-unknown", /no region mars-1/, /us-east-1/),
    );
  });

  test("a region without room, and where there is some", async () => {
    lab.supabase.world.fullRegions.add("us-east-1");
    await expect(lab.recover(loss)).rejects.toMatchObject(
      refused("region-full", /us-east-1 has no room/, /--region eu-central-1/),
    );
    lab.supabase.world.fullRegions.add("eu-central-1");
    await expect(lab.recover(loss)).rejects.toMatchObject(
      refused("region-full", /us-east-1/, /None of the policy's regions/),
    );
  });

  test("a token that has expired, is unknown, or is of another organisation", async () => {
    await expect(lab.recover(loss, { env: token({ expiresAt: 1 }) })).rejects.toMatchObject(
      refused("api-token", /401/),
    );
    await expect(lab.recover(loss, { env: { SUPABASE_ACCESS_TOKEN: "sbp_nobody" } })).rejects.toMatchObject(
      refused("api-token", /401/),
    );
    await expect(lab.recover(loss, { env: token({ organizations: [] }) })).rejects.toMatchObject(
      refused("organization-foreign", /knows no organisation org; it knows none/),
    );
    await expect(lab.recover(loss, { env: { SUPABASE_ACCESS_TOKEN: "" } })).rejects.toMatchObject(
      refused("api-token-missing", /SUPABASE_ACCESS_TOKEN/, /--target/),
    );
  });

  test("a token that may not read what has to be read names the permission", async () => {
    const env = token({ permissions: ["organizations_read"] });
    await expect(lab.recover(loss, { env })).rejects.toMatchObject(refused("api-denied", /403/, /projects_read/));
  });

  test("more money than the policy allows, and a policy that names no organisation", async () => {
    const cheap = { env: await recovery({ mostUsdPerMonth: 3 }) };
    await expect(lab.recover(loss, cheap)).rejects.toMatchObject(
      refused("over-budget", /about \$15\.04 a month; the policy allows \$3\.00/),
    );
    const nowhere = { env: await recovery({ organization: null }) };
    await expect(lab.recover(loss, nowhere)).rejects.toMatchObject(
      refused("organization-missing", /recovery\.organization/, /--target/),
    );
  });

  test("a set that is not there, migrations that cannot be read, a key whose word would not count", async () => {
    await expect(lab.recover({ ...loss, set: "20200101T000000Z-00000000" })).rejects.toMatchObject(
      refused("set-unknown", /./),
    );
    await expect(lab.recover({ ...loss, migrations: "/nowhere/at/all" })).rejects.toMatchObject(
      refused("migrations-folder", /./),
    );
    const env = { RESTORE_PRIVATE_KEY: lab.sets.prover.key.armor() };
    await expect(lab.recover(loss, { env })).rejects.toMatchObject(
      refused("recovery-key", /neither the operations nor/),
    );
  });

  test("a target that is production, by whatever part of its name, unless its ref is typed whole", async () => {
    const env = {
      ...{ TARGET_DATABASE_URL: lab.source.postgresUrl, DATABASE_URL: lab.source.postgresUrl },
      TARGET_PROJECT_REF: lab.production.ref,
    };
    const into = (production?: string) =>
      lab.recover({ ...loss, target: "default", ...(production !== undefined && { production }) }, { env });
    await expect(into()).rejects.toMatchObject(refused("target-is-production", /is the project that the backups/));
    await expect(into(lab.production.ref.slice(0, 8))).rejects.toMatchObject(refused("target-is-production", /./));
    // Typed whole it may be meant, and is not empty.
    await expect(into(lab.production.ref)).rejects.toMatchObject(refused("target-not-empty", /./));
  });

  test("a regional disaster without another region", async () => {
    await expect(lab.recover({ scenario: "regional-disaster" })).rejects.toMatchObject(
      refused("usage", /another region/),
    );
  });

  test("while somebody else recovers", async () => {
    await using _lease = await acquireLease(lab.sets.vault, "recover", { holder: "a colleague" });
    await expect(lab.recover(loss)).rejects.toMatchObject(refused("lease-held", /held by a colleague/));
  });

  test("beside a project of a recovery whose state is lost", async () => {
    const stray = addProject(lab.supabase.world, { name: "lab-recovered 20261101T101500Z-0badcafe" });
    await expect(lab.recover(loss)).rejects.toMatchObject(refused("recovery-state-lost", /20261101T101500Z-0badcafe/));
    lab.supabase.world.projects.delete(stray.ref);
  });
});

test("a token that may look and not make names the permission; what was begun is taken up or given up, and no other begins beside it", async () => {
  const reads = ["organizations_read", "projects_read", "infra_add_ons_read"];
  const env = token({ permissions: reads });
  const first = lab.recover(loss, { env });
  await expect(first).rejects.toMatchObject({
    ...{ code: "api-denied", exitCode: 1, message: expect.stringMatching(/^make the project: .*403/) },
    next: expect.stringMatching(/organization_projects_create.*Run the same command again: recovery \w+-\w+ goes on/s),
  });
  await expect(lab.recover({ ...loss, region: "eu-central-1" })).rejects.toMatchObject({
    ...{ code: "recovery-unfinished", exitCode: 2 },
    next: expect.stringContaining("--give-up"),
  });
  const { told } = await lab.recover({ ...loss, giveUp: true });
  expect(told.page?.sentence).toMatch(
    /is given up\. The project that it made, where there is one, is called "lab-recovered /,
  );
  expect(lab.made()).toEqual([]);
  await expect(lab.recover({ ...loss, giveUp: true })).rejects.toMatchObject({ code: "recovery-none" });
});

test("a project whose price nobody lists waits until a person says that it may be kept", async () => {
  const prices = { selected_addons: [], available_addons: [] };
  lab.supabase.world.faults.inject({ kind: { status: 200, json: prices }, on: /billing\/addons$/ });
  lab.supabase.world.creationOrders.push({ ends: "fails", seconds: 1 });
  await expect(lab.recover(loss)).rejects.toMatchObject({
    ...{ code: "price-unknown", exitCode: 1, message: expect.stringMatching(/^make the project: What project/) },
  });
  await expect(lab.recover(loss)).rejects.toMatchObject({ code: "project-failed" });
  expect(lab.made()).toHaveLength(1);
  await lab.recover({ ...loss, giveUp: true });
  for (const { ref } of lab.made()) lab.supabase.world.projects.delete(ref);
});

test("a project that never comes up ends with what to do, and is not deleted", async () => {
  lab.supabase.world.creationOrders.push({ ends: "fails", seconds: 1 });
  await expect(lab.recover(loss)).rejects.toMatchObject({
    ...{
      code: "project-failed",
      exitCode: 1,
      message: expect.stringMatching(/^wait until it answers: Project \w+ is INIT_FAILED/),
    },
  });
  expect(lab.made()).toHaveLength(1);
  expect(lab.supabase.requests.some((request) => request.startsWith("DELETE"))).toBe(false);
  const { told } = await lab.recover({ ...loss, giveUp: true });
  expect(told.page?.sentence).toContain(`is ${lab.made()[0]?.ref}: it stays`);
});

test("where states lie that nobody trusted has sealed, or more than are read, none begins until somebody says so", async () => {
  const made = lab.made().length;
  const lay = (id: string) => lab.sets.vault.put(`recoveries/${id}/state.json.pgp`, Buffer.from("junk"));
  const last = "20991122T221500Z-1a2b3c4d";
  await lay(last);
  const refusal = (message: string) => ({
    ...{ code: "recovery-state-doubtful", exitCode: 2, message: expect.stringContaining(message) },
    next: expect.stringContaining("--again"),
  });
  await expect(lab.recover(loss)).rejects.toMatchObject(refusal(`recoveries/${last}`));
  await Promise.all(Array.from({ length: 100 }, (_, n) => lay(`20200101T000000Z-${String(n).padStart(8, "0")}`)));
  await expect(lab.recover(loss)).rejects.toMatchObject(refusal("100 are read"));
  expect(lab.made()).toHaveLength(made);
  // Nobody's word but that of whoever recovers lets it begin.
  const env = token({ permissions: ["organizations_read", "projects_read", "infra_add_ons_read"] });
  await expect(lab.recover({ ...loss, again: true }, { env })).rejects.toMatchObject({ code: "api-denied" });
  await lab.recover({ ...loss, giveUp: true });
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { HandOver } from "../../actions/lib/operations/recover/complete-loss/hand-over.ts";
import { handOverPage } from "../../actions/lib/operations/recover/complete-loss/page.ts";
import { renderMarkdown } from "../../actions/lib/report/page.ts";
import { PLANTED_EMAIL, withClient } from "../lab/index.ts";
import { legacyKey } from "../lab/supabase-api/routes/keys.ts";
import { keysIn } from "./backup-lab.ts";
import { type LossLab, openLossLab } from "./loss-lab.ts";

/** A project is lost with everything in it, and comes back, against a simulated Supabase with real databases and files behind it. */

let lab: LossLab;
let set: string;
let over: HandOver;

beforeAll(async () => {
  lab = await openLossLab("lost_project");
  lab.production.auth["external_email_enabled"] = true;
  set = await lab.backUp();
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const writes = () => lab.supabase.requests.filter((request) => !request.startsWith("GET "));

test("a rehearsal says what a run would do, what it costs and when somebody has to decide, and writes nothing", async () => {
  const { told } = await lab.recover({ scenario: "complete-loss", migrations: lab.migrations, dryRun: true });
  expect(told.result).toMatchObject({
    outcome: "rehearsed",
    plan: {
      candidates: [{ set, tier: "daily", archived: false }],
      withFiles: true,
      migrations: ["20261101000000_later.sql"],
      project: { organization: "org", region: "us-east-1", size: "small", dollars: 15.04 },
    },
  });
  const page = renderMarkdown(told.page ?? { title: "", sentence: "", tables: [] });
  for (const phase of ["make the project", "wait until it answers", "restore the set", "carry the configuration"])
    expect(page).toContain(phase);
  expect(page).toContain("about $15.04 a month");
  expect(writes()).toEqual([]);
  expect(await keysIn(lab.sets.vault, "recoveries/")).toEqual([]);
  expect(lab.made()).toEqual([]);
});

test("everything comes back into one new project: rows, files, settings, checked, in one action of a person", async () => {
  lab.supabase.world.projects.delete(lab.production.ref);
  const { told, lines } = await lab.recover({ scenario: "complete-loss", migrations: lab.migrations });
  over = told.result as HandOver;
  expect(over.outcome, over.wrong.join("\n")).toBe("recovered");
  const [project, ...more] = lab.made();
  expect(more).toEqual([]);
  if (project === undefined) return;
  expect(project).toMatchObject({ region: "us-east-1", name: `lab-recovered ${over.recovery}` });
  expect(project.disk.sizeGb).toBeGreaterThanOrEqual(8);
  expect(over).toMatchObject({ set, project: { ref: project.ref }, restored: { outcome: "equal" } });
  expect(over.restored.files).toMatchObject({ outcome: "equal", count: 30 });
  const { rows } = await withClient(lab.backing.lab(project.ref).superuserUrl, (client) =>
    client.query(
      `select (select count(*)::int from auth.users) as people, (select count(*)::int from storage.objects) as files,
              to_regclass('public.came_later')::text as later`,
    ),
  );
  expect(rows[0].people).toBeGreaterThan(0);
  expect(rows[0].later).toBe("came_later");
  expect(over.migrated).toMatchObject({ outcome: "current", applied: ["20261101000000_later.sql"] });
  // Every setting that the set has was carried, was there, or is named.
  const { counts } = over.configuration ?? { counts: undefined };
  expect(over.configuration?.why).toBeNull();
  expect(counts?.refused).toBe(0);
  expect((counts?.carried ?? 0) + (counts?.already ?? 0) + (counts?.listed ?? 0)).toBeGreaterThan(250);
  expect(over.configuration?.rows).toHaveLength(counts?.listed ?? 0);
  expect(project.postgrest["max_rows"]).toBe(500);
  // What was put back is in force at the project itself; a user made to try a login would start the application's own triggers.
  expect(over.tried.map(({ what, outcome }) => `${what}: ${outcome}`)).toEqual([
    ...["functions: verified", "settings of sign-in: verified", "signing key: not tried", "login: not tried"],
  ]);
  expect(over.tried.find(({ what }) => what === "login")?.why).toContain("on_auth_user_created");
  expect(lab.supabase.requests).toEqual(
    expect.arrayContaining(["GET /functions/v1/mail", "OPTIONS /functions/v1/grade"]),
  );
  expect(lab.supabase.requests.filter((request) => /^POST \/functions\/v1/.test(request))).toEqual([]);
  expect(over.human).toHaveLength(1);
  // No secret and no person is told anywhere.
  const told_ = [...lines, JSON.stringify(told)].join("\n");
  const keys = ["anon", "service_role"] as const;
  for (const secret of [
    project.password,
    ...keys.map((name) => legacyKey(project, name)),
    lab.supabase.token,
    PLANTED_EMAIL,
  ])
    expect(told_).not.toContain(secret);
}, 300_000);

test("the page of the hand-over leads a person through what is left", () => {
  expect(over.todo.map(({ what }) => what).join("\n")).toMatch(
    /new address.*new keys.*connection strings.*Point Lifeboat/s,
  );
  expect(over.todo.map(({ what }) => what)).toContain("Tell the schools.");
  expect(
    over.todo.some(
      ({ where }) => where === `https://supabase.com/dashboard/project/${over.project.ref}/settings/api-keys`,
    ),
  ).toBe(true);
  expect(over.message).toContain("what you did after that is not there any more");
  // What needs nothing, or one word for all of it, is counted and not shown one by one.
  const [look] = handOverPage(over).tables.filter(({ title }) => title === "Settings to look at");
  const shown = look?.rows.map(([part, field]) => `${part} ${field}`) ?? [];
  expect(shown).toEqual(expect.arrayContaining(["secrets STRIPE_KEY", "addons compute_instance"]));
  for (const one of ["project ref", "postgrest jwt_secret", "auth smtp_host", "network dbAllowedCidrs"])
    expect(shown).not.toContain(one);
  expect(renderMarkdown(handOverPage(over))).toMatch(/Tried at the new project.*login.*not tried/s);
  expect(handOverPage(over).tables[0]?.rows.join("\n")).toMatch(
    new RegExp(`, ${shown.length} to look at, \\d+ wait to be switched on`),
  );
});

test("the same command once more makes no second project", async () => {
  await expect(lab.recover({ scenario: "complete-loss" })).rejects.toMatchObject({
    code: "recovery-done",
    exitCode: 2,
  });
  expect(lab.made()).toHaveLength(1);
});

test("what may speak to others is off until somebody switches it on, by its number, and then all of it", async () => {
  const ref = over.project.ref ?? "";
  const jobs = async () => {
    const { rows } = await withClient(lab.backing.lab(ref).superuserUrl, (client) =>
      client.query("select bool_or(active) as some, bool_and(active) as all from cron.job"),
    );
    return z.object({ some: z.boolean(), all: z.boolean() }).parse(rows[0]);
  };
  expect(await jobs()).toEqual({ some: false, all: false });
  await expect(lab.recover({ scenario: "complete-loss", switchOn: "nothing like it" })).rejects.toMatchObject({
    ...{ code: "switch-unknown", exitCode: 2 },
    next: expect.stringContaining("cron jobs"),
  });
  const cron = over.off.find(({ what }) => what.includes("cron jobs"));
  const { told } = await lab.recover({ scenario: "complete-loss", switchOn: String(cron?.number) });
  expect(told.result).toMatchObject({ on: [cron?.what] });
  expect((await jobs()).all).toBe(true);
  const project = lab.supabase.world.projects.get(ref);
  expect(project?.network.v4).not.toEqual(["203.0.113.0/24"]);
  const all = await lab.recover({ scenario: "complete-loss", switchOn: "all" });
  expect(all.told.result).toMatchObject({ off: [] });
  expect(project?.network.v4).toEqual(["203.0.113.0/24"]);
});

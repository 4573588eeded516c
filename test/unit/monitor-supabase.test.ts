import { beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { ownBackupChecks } from "../../actions/lib/operations/monitor/status.ts";
import { supabaseChecks } from "../../actions/lib/operations/monitor/supabase/checks.ts";
import { runTable } from "../../actions/lib/operations/monitor/table.ts";
import type { CheckResult } from "../../actions/lib/policy/monitor/check.ts";
import type { DayFigure } from "../../actions/lib/policy/monitor/trend.ts";
import type { Transport } from "../../actions/lib/supabase/management-api.ts";
import {
  addDailyBackups,
  addProject,
  addToken,
  createWorld,
  type Project,
  transportTo,
  VirtualClock,
  type World,
} from "../lab/supabase-api/index.ts";

/** The checks of Supabase against the simulated one, with nothing waited for in earnest. */

const hour = 3_600_000;
const day = 24 * hour;
/** What the checks need, and no more. */
const permissions = [
  ...["project_admin_read", "backups_read", "infra_disk_config_read", "infra_add_ons_read"],
  ...["database_readonly_config_read", "organization_admin_read", "analytics_usage_read"],
];
const signal = new AbortController().signal;
const base = await loadConfig({ needs: [], env: {} });

let clock: VirtualClock;
let world: World;
let project: Project;
let token: string;

beforeEach(() => {
  clock = new VirtualClock("2026-11-30T09:00:00Z");
  world = createWorld({ clock });
  project = addProject(world);
  addDailyBackups(world, project, 8);
  token = addToken(world, { projects: [project.ref], permissions }).value;
});

interface Looked {
  readonly env?: Record<string, string>;
  readonly supabase?: Partial<typeof base.policy.promises.supabase>;
  readonly history?: Readonly<Record<string, readonly DayFigure[]>>;
  readonly transport?: Transport;
}

async function look({ env, supabase, history = {}, transport = transportTo(world) }: Looked = {}) {
  const { policy } = base;
  const counted = { plan: "pro", pitrDays: null, snapshotDays: 7, region: null, ...supabase };
  const promises = { ...policy.promises, supabase: counted };
  const monitor = { ...policy.monitor, tokenExpires: "2027-06-30" };
  const config = {
    ...base,
    projectRef: project.ref,
    policy: { ...policy, promises, monitor },
    // Nothing listens there: the public page is not to be had.
    env: { SUPABASE_ACCESS_TOKEN: token, SUPABASE_STATUS_URL: "http://127.0.0.1:9", ...env },
  };
  const run = { runId: "1", attempt: 1, event: "schedule", workflow: "monitor" };
  using context = new Context({ config, log: silentLog, signal, run } as never);
  const now = new Date(clock.now());
  const checks = supabaseChecks({ context, now, history: (id) => history[id] ?? [] }, { transport, clock });
  const results = await runTable(checks, { log: silentLog, signal, clean: (text) => text });
  return Object.fromEntries(results.map((one) => [one.id, one])) as Record<string, CheckResult>;
}

const statesOf = (results: Record<string, CheckResult>) =>
  Object.fromEntries(Object.entries(results).map(([id, { state }]) => [id, state]));

/** Those that ask neither the vault nor the public page. */
const asksSupabase = (results: Record<string, CheckResult>) => {
  const { egress: _egress, "supabase-status": _status, ...rest } = results;
  return rest;
};

test("a project that is well, a token that may read just that, and ten requests", async () => {
  const results = await look();
  expect(statesOf(results)).toEqual({
    "supabase-backups": "ok",
    "restore-window": "ok",
    "project-health": "ok",
    "read-only": "ok",
    disk: "ok",
    "database-size": "ok",
    "storage-size": "ok",
    egress: "unknown",
    plan: "ok",
    "api-token": "ok",
    "supabase-status": "warning",
  });
  expect(results["disk"]?.measure?.unit).toBe("bytes");
  expect(results["storage-size"]?.measure).toEqual({ value: 200 * 1024 ** 2, limit: 100e9, unit: "bytes" });
  expect(world.requests.every((request) => request.startsWith("GET "))).toBe(true);
  expect(new Set(world.requests).size).toBe(world.requests.length);
  expect(world.requests.length).toBe(10);
});

test("no token, or no project: everything is unknown and says what to set, and nothing is asked", async () => {
  const results = asksSupabase(await look({ env: { SUPABASE_ACCESS_TOKEN: "" } }));
  expect(new Set(Object.values(statesOf(results)))).toEqual(new Set(["unknown"]));
  for (const { id, found } of Object.values(results)) expect(found, id).toContain("SUPABASE_ACCESS_TOKEN is not set");
  expect(world.requests).toEqual([]);
});

test.each(permissions)(
  "a token without %s: the others look, and the check of the token names it",
  async (permission) => {
    token = addToken(world, { permissions: permissions.filter((one) => one !== permission) }).value;
    const whole = statesOf(asksSupabase(await look({ supabase: { pitrDays: null } })));
    expect(whole["api-token"]).toBe("warning");
    const unknown = Object.entries(whole).filter(([, state]) => state === "unknown");
    const known = Object.entries(whole).filter(([, state]) => state === "ok");
    expect(known.length).toBeGreaterThan(permission === "project_admin_read" ? 2 : 5);
    const results = await look();
    expect(results["api-token"]?.found).toContain(permission);
    for (const [id] of unknown) expect(results[id]?.found, id).toContain(permission);
  },
);

test("a token that is over is critical by its own check, and makes the others unknown", async () => {
  token = addToken(world, { permissions, expiresAt: clock.now() - 1 }).value;
  const { "api-token": own, ...others } = asksSupabase(await look());
  expect(own).toMatchObject({ state: "critical", found: expect.stringContaining("expired") });
  expect(new Set(Object.values(statesOf(others)))).toEqual(new Set(["unknown"]));
});

describe("an API that does not answer as it should makes them unknown, with at most 60 requests in less than 40 s", () => {
  test.each([
    ["429 for a minute", { status: 429, json: { message: "ThrottlerException" }, headers: { "retry-after": "60" } }],
    ["Cloudflare's page", "page"],
    ["500", { status: 500, json: { message: "Internal" } }],
    ["a cut connection", "reset"],
    ["an endless answer", "huge"],
    ["an answer that is only depth", "deep"],
    ["another form", { status: 200, json: { entirely: "new" } }],
  ] as const)("%s", async (_name, kind) => {
    world.faults.inject({ kind });
    const begun = clock.now();
    const results = asksSupabase(await look());
    expect(new Set(Object.values(statesOf(results)))).toEqual(new Set(["unknown"]));
    expect(world.requests.length).toBeLessThanOrEqual(60);
    expect(clock.now() - begun).toBeLessThan(40_000);
  });

  test("nothing within its time", async () => {
    const never = () => {
      clock.pass(8000);
      return Promise.reject(new DOMException("The operation timed out.", "TimeoutError"));
    };
    const results = asksSupabase(await look({ transport: never }));
    expect(new Set(Object.values(statesOf(results)))).toEqual(new Set(["unknown"]));
  });

  test("a disk of no size", async () => {
    world.faults.inject({
      kind: { status: 200, json: { metrics: { fs_size_bytes: 0, fs_used_bytes: 0 } } },
      on: /disk\/util/,
    });
    expect((await look())["disk"]?.state).toBe("unknown");
  });

  test("but one alone only the checks that need it, and the token's all the same", async () => {
    world.faults.inject({ kind: "page", on: /database\/backups/ });
    const { "supabase-backups": backups, "restore-window": window, ...others } = asksSupabase(await look());
    expect([backups?.state, window?.state]).toEqual(["unknown", "unknown"]);
    expect(new Set(Object.values(statesOf(others)))).toEqual(new Set(["ok"]));
  });
});

describe("what goes wrong at Supabase", () => {
  const stateOf = async (id: string, looked?: Looked) => (await look(looked))[id]?.state;

  test("daily backups stop, or the newest failed", async () => {
    project.backups.shift();
    expect(await stateOf("supabase-backups")).toBe("warning");
    project.backups.shift();
    expect(await stateOf("supabase-backups")).toBe("critical");
  });

  test("the plan is another one, and keeps less than is counted on", async () => {
    for (const organization of world.organizations) organization.plan = "free";
    const results = await look({ supabase: { snapshotDays: 7 } });
    expect(results["plan"]?.state).toBe("critical");
    expect(results["restore-window"]?.state).toBe("critical");
  });

  test("the disk is full, and the project read-only", async () => {
    project.disk.usedBytes = 0.96 * 8 * 1024 ** 3;
    expect(statesOf(await look())).toMatchObject({ disk: "critical", "read-only": "critical" });
  });

  test("files grow towards what is included: the day is told two weeks before", async () => {
    project.usage.storageBytes = 90e9;
    const history = Array.from({ length: 20 }, (_, at) => ({
      day: new Date(clock.now() - (20 - at) * day).toISOString().slice(0, 10),
      value: 90e9 - (20 - at) * 1e9,
    }));
    const result = (await look({ history: { "storage-size": history } }))["storage-size"];
    expect(result).toMatchObject({ state: "critical", found: expect.stringContaining("about 2026-12-10") });
  });

  test("the project is paused, or a service of it is down", async () => {
    project.status = "INACTIVE";
    expect(await stateOf("project-health")).toBe("critical");
    project.status = "ACTIVE_HEALTHY";
    project.down.set("auth", clock.now() + hour);
    expect(await stateOf("project-health")).toBe("warning");
  });
});

describe("point-in-time recovery", () => {
  const supabase = { pitrDays: 7 };

  beforeEach(() => {
    project.addons.compute = "ci_small";
    project.addons.pitr = "pitr_7";
  });

  test("that is well, with an empty list of daily backups", async () => {
    const results = await look({ supabase });
    expect(statesOf(results)).toMatchObject({
      ...{ "supabase-backups": "ok", "restore-window": "ok", "pitr-on": "ok", "pitr-window": "ok" },
    });
    // What the page's answers take for Supabase's own backups has these names.
    expect(Object.keys(results)).toEqual(expect.arrayContaining([...ownBackupChecks]));
    expect(results["pitr-window"]?.measure?.unit).toBe("rows");
  });

  test("that is stuck for hours while rows are written is critical", async () => {
    project.walStuckAt = clock.now() - 7 * hour;
    expect((await look({ supabase }))["pitr-window"]?.state).toBe("critical");
    expect(world.requests.filter((request) => request.includes("metrics"))).toHaveLength(2);
  });

  test("that is stuck is seen by the daily backups' check where the policy does not count on it", async () => {
    project.walStuckAt = clock.now() - 7 * hour;
    expect((await look())["supabase-backups"]?.state).toBe("critical");
  });

  test("of a database that nobody writes to since days is well, by the history", async () => {
    const idle = clock.now() - 5 * day;
    const last = project.database.written.at(-1);
    project.database.written = [{ from: last?.from ?? 0, to: idle }];
    const measured = (await look({ supabase }))["pitr-window"];
    expect(measured?.state).toBe("warning");
    const rows = measured?.measure?.value ?? 0;
    const history = [6, 5, 4, 3, 2, 1].map((back) => ({
      day: new Date(clock.now() - back * day).toISOString().slice(0, 10),
      value: back > 5 ? rows - 1000 : rows,
    }));
    const result = (await look({ supabase, history: { "pitr-window": history } }))["pitr-window"];
    expect(result).toMatchObject({ state: "ok", found: expect.stringContaining("idle") });
  });

  test("that was switched off is critical", async () => {
    project.addons.pitr = undefined;
    expect(statesOf(await look({ supabase }))).toMatchObject({ "pitr-on": "critical", "pitr-window": "critical" });
  });
});

test("the plan free has neither of Supabase's own backups: their checks are left out", async () => {
  for (const organization of world.organizations) organization.plan = "free";
  const results = await look({ supabase: { plan: "free" } });
  expect(Object.keys(results)).not.toContain("supabase-backups");
  expect(results["database-size"]?.measure?.limit).toBe(500e6);
  expect(results["plan"]?.state).toBe("ok");
});

import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dashboardPath } from "../../actions/lib/report/branch/fold-runs.ts";
import { startHeartbeats } from "../lab/channels/heartbeat-server.ts";
import { startActionsApi } from "../lab/servers/actions-api.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { addDailyBackups, addProject, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { openBackupLab } from "./backup-lab.ts";
import { type MonitorLab, openMonitorLab } from "./monitor-lab.ts";
import { runAction } from "./reports-lab.ts";
import { publishSigned } from "./signed-set.ts";

let lab: MonitorLab;
beforeEach(async () => {
  lab = await openMonitorLab();
});
afterEach(() => lab?.[Symbol.asyncDispose]());

/** What the repository says to every push. */
function hook(script: string): void {
  const path = join(lab.origin.remote, "hooks/pre-receive");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

test("what turns is told by every channel when it is critical, kept with who was told, and not told again; the summary is sent once a day", async () => {
  const checks = { sets: "critical", files: "warning", locks: "ok" } as const;
  const first = await lab.run({ at: "2026-11-24T06:23:00Z", checks });
  expect([first.failure, first.facts?.outcome]).toEqual([undefined, "critical"]);
  expect(lab.heard()).toEqual({
    slack: ["Critical: Check sets", "Warning: Check files"],
    mail: ["[Lifeboat: CRITICAL] Critical: Check sets"],
  });
  expect(lab.state()?.checks).toMatchObject({
    sets: { state: "critical", told: { level: "critical", by: ["slack", "email"] }, telling: null },
    files: { state: "warning", told: { level: "warning", by: ["slack"] } },
    locks: { state: "ok", told: null },
  });
  expect(lab.origin.branch()?.read(dashboardPath)).toContain("Check sets");
  expect(lab.origin.branch()?.commits).toBe(2);

  await lab.run({ at: "2026-11-24T09:00:00Z", checks: { ...checks, files: "ok" } });
  expect(JSON.stringify(lab.slack.messages[1]?.blocks)).toMatch(
    /Monitor: 4 checks, 1 critical, 3 ok\..*CRITICAL: Check sets: It is critical\./,
  );
  expect(lab.heard()).toEqual({ slack: ["Well again: Check files", "Lifeboat on 2026-11-24"], mail: [] });
  const third = await lab.run({ at: "2026-11-24T12:23:00Z", checks: { ...checks, files: "ok" } });
  expect([third.failure, lab.heard()]).toEqual([undefined, { slack: [], mail: [] }]);
});

describe("when a channel takes nothing", () => {
  test("the others are used, and the table names it until a message is taken", async () => {
    lab.slack.troubles.push(...Array(3).fill("token_revoked"));
    const { page } = await lab.run({ at: "2026-11-24T00:23:00Z", checks: { sets: "critical" } });
    expect(lab.heard()).toEqual({
      slack: [],
      mail: ["[Lifeboat: CRITICAL] Critical: Check sets", "[Lifeboat: warning] Warning: Channels that alerts go to"],
    });
    expect(lab.state()?.unreached).toMatchObject({ slack: { reason: "token_revoked", by: "message" } });
    expect(JSON.stringify(page)).toContain("Not reached: slack since 2026-11-24");
    await lab.run({ at: "2026-11-24T09:00:00Z", checks: { sets: "critical" } });
    expect(lab.state()?.unreached).toEqual({});
  });

  test("and no other is there, the run fails, and the next one tells it", async () => {
    lab.slack.troubles.push(...Array(4).fill("channel_not_found"));
    lab.mail.refuse(550);
    const { failure } = await lab.run({ at: "2026-11-24T09:00:00Z", checks: { sets: "critical" } });
    expect(failure?.code).toBe("nobody-told");
    lab.slack.troubles.length = 0;
    await lab.run({ at: "2026-11-24T12:23:00Z", checks: { sets: "critical" } });
    expect(lab.heard().slack).toEqual([expect.stringMatching(/^Critical: /), "Lifeboat on 2026-11-24"]);
  });
});

describe("when the branch cannot be kept", () => {
  test("by a rule, people are told all the same, the run fails, and the next one tells it again", async () => {
    hook("echo 'GH013: Repository rule violations found' >&2; exit 1");
    for (const at of ["2026-11-24T09:00:00Z", "2026-11-24T12:23:00Z"]) {
      const { failure } = await lab.run({ at, checks: { sets: "critical" } });
      expect(failure?.code).toBe("reports-refused");
      expect(lab.heard().slack).toEqual(["Critical: Check sets"]);
    }
  });

  test("because it is not there to be read, likewise", async () => {
    rmSync(lab.origin.remote, { recursive: true });
    const { failure } = await lab.run({ at: "2026-11-24T03:23:00Z", checks: { sets: "critical" } });
    expect(failure?.code).toBe("reports-unreachable");
    expect(lab.heard().slack).toEqual(["Critical: Check sets"]);
  });
});

test("of two at once one tells it, and both keep what they found", async () => {
  const met = Promise.withResolvers<void>();
  let looking = 0;
  const meanwhile = () => {
    if (++looking === 2) met.resolve();
    return met.promise;
  };
  const both = [1, 2].map(() => lab.run({ at: "2026-11-24T03:23:00Z", checks: { sets: "critical" }, meanwhile }));
  for (const { failure } of await Promise.all(both)) expect(failure).toBeUndefined();
  expect(lab.heard()).toMatchObject({ slack: ["Critical: Check sets"], mail: [expect.anything()] });
  expect(lab.state()?.checks["sets"]?.told?.by).toEqual(["slack", "email"]);
});

test("a state that somebody damaged, or that another version wrote, counts as none: all that is bad is told again", async () => {
  await lab.run({ at: "2026-11-24T00:23:00Z", checks: { sets: "critical" } });
  lab.heard();
  const { workspace, git } = lab.origin;
  const other = [
    "--git-dir",
    join(workspace, ".git"),
    "--work-tree",
    workspace,
    "-c",
    "user.name=o",
    "-c",
    "user.email=o@example.org",
  ];
  git(...other, "fetch", "--quiet", "origin", "reports");
  git(...other, "checkout", "--quiet", "-f", "FETCH_HEAD");
  writeFileSync(join(workspace, "monitor/state.json"), '{"format":"lifeboat-monitor/2","checks":{}}');
  git(...other, "commit", "--quiet", "--all", "--message=theirs");
  git(...other, "push", "--quiet", "origin", "HEAD:reports");
  const { page } = await lab.run({ at: "2026-11-24T03:23:00Z", checks: { sets: "critical" } });
  expect(lab.heard().slack).toEqual(["Critical: Check sets"]);
  expect(page?.notes?.join(" ")).toContain("damaged or of another version");
  expect(lab.state()?.checks["sets"]?.told).not.toBeNull();
});

test("a whole run asks every check, Supabase ten times and GitHub less than forty; none fails by itself, and the watcher outside hears of it", async () => {
  await using heartbeats = await startHeartbeats();
  await using backups = await openBackupLab(sharedS3());
  await using supabase = await startSupabaseApi();
  await using github = await startActionsApi("qimma/lifeboat");
  const project = addProject(supabase.world);
  addDailyBackups(supabase.world, project, 8);
  for (const hours of [4, 28, 52])
    await publishSigned(backups, { at: new Date(Date.now() - hours * 3_600_000), readBack: true });
  const ended = await runAction("monitor", {
    ...{
      ...backups.env("postgres://nobody@127.0.0.1:9/none"),
      ...lab.env,
      LIFEBOAT_POLICY: join(backups.folder, "policy.json"),
    },
    ...{ GITHUB_WORKFLOW: "monitor", GITHUB_RUN_ID: "4711", GITHUB_JOB: "monitor", GITHUB_EVENT_NAME: "schedule" },
    ...{ HEARTBEAT_URL_MONITOR: heartbeats.url, INPUT_TELL: "true", GITHUB_API_URL: github.url, GITHUB_TOKEN: "ghs_1" },
    ...{ SUPABASE_API_URL: supabase.url, SUPABASE_STATUS_URL: supabase.statusUrl },
    ...{ SUPABASE_ACCESS_TOKEN: supabase.token, SUPABASE_PROJECT_REF: project.ref },
  });
  expect(ended.code, ended.output).toBe(0);
  const known = lab.state()?.checks ?? {};
  expect(Object.keys(known).length).toBeGreaterThan(15);
  expect(known).toMatchObject({
    ...{ "alert-channels": { state: "ok" }, "set-daily": { state: "ok" }, "set-verified": { state: "ok" } },
    ...{ "supabase-backups": { state: "ok" }, disk: { state: "ok" }, "actions-minutes": { state: "ok" } },
    // Nothing was ever proven, and GitHub knows no run.
    ...{ "set-proven": { state: "critical" }, schedules: { state: "critical" } },
  });
  expect(Object.entries(known).filter(([, { state }]) => state === "unknown")).toEqual([]);
  expect(supabase.requests).toHaveLength(10);
  expect(github.asked.length).toBeLessThan(40);
  expect(lab.origin.branch()?.read(dashboardPath)).not.toContain("This check itself failed");
  // The run begins, the check of the watcher tries it by saying so again, and the run ends well.
  expect(heartbeats.beats).toEqual(["/start", "/start", "/"]);
  expect(lab.heard().slack[0]).toMatch(/^Critical: \d+ checks of the monitor/);
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { restorationPage } from "../../actions/lib/operations/restore/page.ts";
import { makeRoomOnDisk } from "../../actions/lib/operations/target/room.ts";
import { createProject, dropProject, execute, type LabProject } from "../lab/index.ts";
import { handOver, serverAccount } from "../lab/servers/account.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { addProject, addToken, type Project, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

const GB = 1024 ** 3;
const closing = new AsyncDisposableStack();
let lab: BackupLab;
let supabase: SupabaseApi;

async function labProject(what: string): Promise<LabProject> {
  const project = await createProject(sharedPostgres(17).superuserUrl(), `disk_${what}_${process.pid}`);
  closing.defer(() => dropProject(sharedPostgres(17).superuserUrl(), project.name));
  return project;
}

beforeAll(async () => {
  // Each test has another database.
  const policy = (policy: PolicyInput) => ({ ...policy, backup: { ...policy.backup, smallestShareOfLastSet: 0 } });
  lab = closing.use(await openBackupLab(sharedS3(), { policy }));
  supabase = closing.use(await startSupabaseApi({ pace: 100 }));
});
afterAll(() => closing.disposeAsync());

const newProject = () => addProject(supabase.world, { name: "target", region: "us-east-1" });
const environment = ({ ref }: Project, token = supabase.token) => ({
  ...{ TARGET_PROJECT_REF: ref, SUPABASE_ACCESS_TOKEN: token, SUPABASE_API_URL: supabase.url },
});
const changes = ({ ref }: Project) =>
  supabase.requests.filter((request) => request.startsWith("POST ") && request.includes(`${ref}/config/disk`));

async function roomFor(gigabytes: number, env: Record<string, string>, dryRun = false): Promise<string | undefined> {
  const target = { TARGET_DATABASE_URL: "postgres://nobody@127.0.0.1/unused" };
  const config = await loadConfig({
    needs: ["target"],
    env: { ...lab.env("postgres://x@127.0.0.1/x"), ...target, ...env },
  });
  return makeRoomOnDisk({
    ...{ config, databaseBytes: BigInt(Math.round(gigabytes * GB)), presentBytes: 0n, dryRun, log: silentLog },
  });
}

describe("before rows are loaded, the target's disk", () => {
  test("is left as it is where there is room, or nobody can tell and little is needed", async () => {
    const project = newProject();
    expect(await roomFor(1, environment(project))).toBeUndefined();
    expect(changes(project)).toEqual([]);
    expect(await roomFor(0.1, {})).toBeUndefined();
  });

  test("is enlarged once, to what the set needs, and waited for", async () => {
    const project = newProject();
    expect(await roomFor(10, environment(project), true)).toMatch(/18.3 GB of .* asks Supabase for 31 GB/);
    expect(changes(project)).toEqual([]);
    expect(await roomFor(10, environment(project))).toMatch(/has enlarged it to 31 GB/);
    expect(project.disk.sizeGb).toBe(31);
    expect(await roomFor(10, environment(project))).toBeUndefined();
    expect(changes(project)).toHaveLength(1);
    await expect(roomFor(50, environment(project))).rejects.toMatchObject({
      ...{ code: "target-too-small", exitCode: 2, message: expect.stringContaining("once per four hours") },
      next: expect.stringContaining("dashboard"),
    });
  });

  test("is refused plainly where the token may not change it, or the plan does not allow so much", async () => {
    const project = newProject();
    const reader = addToken(supabase.world, {
      permissions: ["infra_disk_config_read", "project_admin_read", "organization_admin_read"],
    });
    await expect(roomFor(20, environment(project, reader.value))).rejects.toMatchObject({
      ...{
        code: "target-too-small",
        message: expect.stringMatching(/could not be enlarged to 61 GB: .*No row has been loaded/),
      },
    });
    const [organization] = supabase.world.organizations;
    if (organization === undefined) throw new Error("no organisation");
    Object.assign(organization, { plan: "free" });
    await expect(roomFor(1, environment(project))).rejects.toMatchObject({
      message: expect.stringContaining("free plan"),
    });
    Object.assign(organization, { plan: "pro" });
    expect(changes(project).length).toBeLessThan(2);
  });

  test("stays as it is where a larger one would cost more a month than the policy allows", async () => {
    const project = newProject();
    const before = project.disk.sizeGb;
    for (const dryRun of [true, false]) {
      await expect(roomFor(400, environment(project), dryRun)).rejects.toMatchObject({
        ...{ code: "target-too-small", exitCode: 2, next: expect.stringContaining("by review") },
        message: expect.stringMatching(
          /1201 GB .* about \$\d+\.\d\d a month.*allows \$100\.00.*No row has been loaded/,
        ),
      });
    }
    expect([changes(project), project.disk.sizeGb]).toEqual([[], before]);
  });

  test("is told to be looked at where nobody could ask", async () => {
    expect(await roomFor(10, {})).toMatch(/take about 18.3 GB .* was not asked/);
    expect(await roomFor(10, { ...environment(newProject()), SUPABASE_API_URL: "http://127.0.0.1:9" })).toMatch(
      /not asked/,
    );
  });

  test("is part of a restore, whose page says what was done", async () => {
    const [source, target, project] = [await labProject("source"), await labProject("target"), newProject()];
    await execute(
      source.postgresUrl,
      "create table public.rows as select repeat('x', 1000) from generate_series(1, 20000)",
    );
    await backUp(lab, source.backupUrl);
    project.disk.usedBytes = 7.99 * GB;
    const result = await restoreInto(lab, target.postgresUrl, { env: environment(project) });
    expect(result).toMatchObject({
      outcome: "equal",
      room: expect.stringContaining("Supabase has enlarged it to 9 GB"),
    });
    expect(restorationPage(result).notes?.join("\n")).toContain("enlarged it to 9 GB");
  });
});

const folder = mkdtempSync(join(tmpdir(), "lifeboat-small-disk-"));

function mount(options: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(mount("size=24m"))(
  "a disk that fills while rows come in (where this machine lets us make a small one)",
  () => {
    let cluster: RunningPostgres;

    beforeAll(async () => {
      handOver(folder, serverAccount(), 0o700);
      cluster = await startPostgres(17);
      closing.defer(() => cluster.stop());
      await execute(cluster.superuserUrl(), `create tablespace small location '${folder}'`);
      await execute(cluster.superuserUrl(), "create database small tablespace small");
    });
    afterAll(async () => {
      await cluster.stop();
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    });

    test("ends the restore with what to do, and it is taken up when there is room", async () => {
      const source = await labProject("rows");
      await execute(
        source.postgresUrl,
        `create table public.few as select n from generate_series(1, 10) n;
       create table public.many as select n, repeat(md5(n::text), 30) as text from generate_series(1, 60000) n;`,
      );
      await backUp(lab, source.backupUrl);
      await expect(restoreInto(lab, cluster.superuserUrl("small"))).rejects.toMatchObject({
        ...{ code: "target-disk-full", next: expect.stringContaining("run the same command again") },
      });
      mount("remount,size=200m");
      const again = await restoreInto(lab, cluster.superuserUrl("small"));
      expect(told(again, "failed")).toEqual([]);
      expect(again).toMatchObject({ outcome: "equal", begun: "resumed" });
    });
  },
);

test("a function of the source's that says the disk is full ends no restore", async () => {
  const [source, target] = [await labProject("liar"), await labProject("lied_to")];
  await execute(
    source.postgresUrl,
    `create function public.lie(n int) returns boolean language plpgsql immutable as $$ begin
       if current_setting('lab.home', true) = 'yes' then return true; end if;
       raise sqlstate '53100' using message = 'no room';
     end $$;
     set lab.home = 'yes';
     create table public.doubtful (n int check (public.lie(n)));
     insert into public.doubtful values (1);`,
  );
  await backUp(lab, source.backupUrl);
  const result = await restoreInto(lab, target.postgresUrl);
  expect(result.outcome).toBe("equal");
  expect(told(result, "expected").join("\n")).toContain("doubtful_n_check");
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  compareDatabases,
  createProject,
  execute,
  type LabProject,
  seedQimma,
  urlFor,
  withClient,
} from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { isUntouched, restoreInto, told } from "./restore-lab.ts";

/** What a restore names in its own words, and how the independent comparison says the same. */
const sayings: readonly [ours: RegExp, theirs: RegExp][] = [
  [/^table auth\.schema_migrations: rows/m, /^rows auth\.schema_migrations: /],
  [/^table storage\.migrations: rows/m, /^rows storage\.migrations: /],
  [/^table realtime\.schema_migrations: rows/m, /^rows realtime\.schema_migrations: /],
  [/^table supabase_functions\.migrations: rows/m, /^rows supabase_functions\.migrations: /],
  [/^table vault\.secrets: rows/m, /^rows vault\.secrets: /],
  [/^table cron\.job: rows/m, /^rows cron\.job: /],
  [/^materialized view public\.stale_roles: rows/m, /^rows public\.stale_roles: /],
  [/^event trigger note_new_tables: missing/m, /^(comment )?event trigger note_new_tables: /],
  [/^event trigger note_new_tables: owner/m, /^event trigger note_new_tables: .* owner postgres right .* owner /],
  [/^trigger exam_webhook on public\.exams: definition: .*switched off/m, /^trigger exam_webhook on public\.exams: /],
  [/^database current: owner/m, /^(database this one|grant \w+ on database) ?/],
];

/** The differences that the restore did not name. */
function unnamed(differences: readonly string[], said: readonly string[]): string[] {
  const text = said.join("\n");
  const role = (line: string) => /^membership postgres in "?([^":]+)/.exec(line)?.[1];
  return differences.filter((line) => {
    const member = role(line);
    if (member !== undefined) return !said.some((one) => one.startsWith(`membership ${member} to postgres: `));
    return !sayings.some(([ours, theirs]) => ours.test(text) && theirs.test(line));
  });
}

describe.each([
  [17, 17],
  [15, 15],
  [15, 17],
] as const)("a project of PostgreSQL %i restored into a new one of %i", (from, to) => {
  let lab: BackupLab;
  let source: LabProject;
  let target: LabProject;
  let cluster: RunningPostgres;

  beforeAll(async () => {
    lab = await openBackupLab(sharedS3());
    source = await createProject(sharedPostgres(from).superuserUrl(), `restore_${from}_${to}_${process.pid}`);
    await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 7, superuserUrl: source.superuserUrl });
    await backUp(lab, source.backupUrl, { tier: "weekly" });
    // A cluster of its own: the roles of the source are not there yet, as in a new project.
    cluster = await startPostgres(to);
    target = await createProject(cluster.superuserUrl(), "target");
  });
  afterAll(async () => {
    await cluster.stop();
    await lab[Symbol.asyncDispose]();
  });

  test("is equal, and a comparison that shares no code finds nothing that was not named", async () => {
    const result = await restoreInto(lab, target.postgresUrl);
    expect(told(result, "failed")).toEqual([]);
    expect(told(result, "unverified")).toEqual([]);
    expect(result.outcome).toBe("equal");
    const jobs = result.switchedOff.find(({ what }) => what.endsWith("cron jobs"));
    const states = await withClient(target.postgresUrl, async (client) => {
      const asleep = await client.query("select count(*)::int as awake from cron.job where active");
      await client.query("begin");
      await client.query(jobs?.on ?? "");
      const again = await client.query("select count(*)::int as awake from cron.job where active");
      await client.query("rollback");
      return [asleep.rows[0]?.awake, again.rows[0]?.awake];
    });
    const awake = await withClient(source.superuserUrl, (client) =>
      client.query("select count(*)::int as awake from cron.job where active"),
    );
    expect(states).toEqual([0, awake.rows[0]?.awake]);
    const differences = await compareDatabases(source.superuserUrl, target.superuserUrl);
    expect(unnamed(differences, told(result, "expected"))).toEqual([]);
  });

  test("leaves no notes of its own in the target", async () => {
    const found = await withClient(target.superuserUrl, (client) =>
      client.query("select 1 from pg_namespace where nspname = 'lifeboat_restore'"),
    );
    expect(found.rowCount).toBe(0);
  });

  test("is refused when it is not empty, with the names of what is in it", async () => {
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      code: "target-not-empty",
      message: expect.stringContaining("public."),
    });
  });
});

describe("plain PostgreSQL", () => {
  let lab: BackupLab;
  let source: LabProject;
  let cluster: RunningPostgres;

  beforeAll(async () => {
    lab = await openBackupLab(sharedS3());
    source = await createProject(sharedPostgres(17).superuserUrl(), `restore_plain_${process.pid}`);
    await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 8, superuserUrl: source.superuserUrl });
    await backUp(lab, source.backupUrl);
    cluster = await startPostgres(17);
    await execute(cluster.superuserUrl(), "create database plain");
  });
  afterAll(async () => {
    await cluster.stop();
    await lab[Symbol.asyncDispose]();
  });

  test("takes a whole project as superuser, platform and roles included", async () => {
    const result = await restoreInto(lab, cluster.superuserUrl("plain"));
    expect(told(result, "failed")).toEqual([]);
    expect(told(result, "unverified")).toEqual([]);
    expect(result.target.kind).toBe("plain");
    expect(result.outcome).toBe("equal");
    const differences = await compareDatabases(source.superuserUrl, cluster.superuserUrl("plain"));
    expect(unnamed(differences, told(result, "expected"))).toEqual([]);
  });

  test("is refused for a role that is no superuser", async () => {
    await execute(cluster.superuserUrl(), "create role weak login password 'weak'");
    await execute(cluster.superuserUrl(), "create database weak owner weak");
    const url = urlFor(cluster.superuserUrl("weak"), { user: "weak", password: "weak" });
    await expect(restoreInto(lab, url)).rejects.toMatchObject({ code: "target-role" });
    expect(await isUntouched(cluster.superuserUrl("weak"))).toBe(true);
  });
});

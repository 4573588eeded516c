import { exec } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  actAsServices,
  compareDatabases,
  createProject,
  dropProject,
  execute,
  type LabProject,
  PLANTED_EMAIL,
  seedQimma,
  urlFor,
  withClient,
} from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

const MEGABYTE = 1024 ** 2;
const suffix = randomBytes(4).toString("hex");
const made: { url: string; name: string }[] = [];

async function seeded(major: 15 | 17, name: string, bytes: number, seed: number): Promise<LabProject> {
  const { url } = sharedPostgres(major);
  const project = await createProject(url, `lab_qimma_${name}_${suffix}`);
  made.push({ url, name: project.name });
  await seedQimma(project.postgresUrl, { bytes, seed });
  return project;
}

async function numbers(url: string, sql: string): Promise<Record<string, number>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<Record<string, string>>(sql);
    return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, value]) => [name, Number(value)]));
  });
}

afterAll(async () => {
  for (const { url, name } of made) await dropProject(url, name);
});

describe("Qimma's data set", () => {
  let one: LabProject;
  beforeAll(async () => {
    one = await seeded(17, "one", MEGABYTE, 11);
  });

  it("is the same for the same seed and size, vault's ciphertext apart", async () => {
    const again = await seeded(17, "again", MEGABYTE, 11);
    const found = await compareDatabases(one.superuserUrl, again.superuserUrl);
    expect(found).toEqual([expect.stringMatching(/^rows vault\.secrets: /)]);
  });

  it("has the same rows on 15 and on 17, and differs only where the majors' roles do", async () => {
    const older = await seeded(15, "older", MEGABYTE, 11);
    const found = await compareDatabases(one.superuserUrl, older.superuserUrl);
    expect(found.filter((line) => !/^membership postgres in /.test(line))).toEqual([
      expect.stringMatching(/^rows vault\.secrets: /),
    ]);
  });

  it("has other rows for another seed", async () => {
    const other = await seeded(17, "other", MEGABYTE, 12);
    const found = await compareDatabases(one.superuserUrl, other.superuserUrl);
    for (const table of [
      "public.users",
      "public.student_submissions",
      "public.credit_transactions_2025",
      "auth.users",
    ]) {
      expect(found).toContainEqual(expect.stringMatching(new RegExp(`^rows ${table.replace(".", "\\.")}: `)));
    }
  });

  it("becomes about as large as it is told", async () => {
    const size = "select pg_database_size(current_database()) as bytes";
    const { bytes: small = 0 } = await numbers(one.superuserUrl, size);
    const large = await seeded(17, "large", 40 * MEGABYTE, 11);
    const { bytes = 0 } = await numbers(large.superuserUrl, size);
    const grown = (bytes - small) / MEGABYTE;
    expect(grown).toBeGreaterThan(28);
    expect(grown).toBeLessThan(52);
  });

  it("carries the planted address where rows can clash over it", async () => {
    const found = await withClient(one.backupUrl, async (client) => {
      const counted = await client.query(
        `select (select count(*) from public.users where email = $1)::int as users,
          (select count(*) from auth.users where email = $1)::int as accounts,
          (select count(*) from public.duplicates where email = $1)::int as duplicates`,
        [PLANTED_EMAIL],
      );
      return counted.rows[0];
    });
    expect(found).toEqual({ users: 1, accounts: 1, duplicates: 3 });
  });

  it("has one materialised view that is fresh, one that is stale and one that was never filled", async () => {
    const view = (name: string, query: string): string =>
      `(select count(*) from (select * from ${name} except ${query}) as more) as ${name.replace("public.", "")}`;
    const found = await numbers(
      one.superuserUrl,
      `select ${view("public.fresh_totals", "select kind, count(*), sum(amount) from public.credit_transactions group by kind")},
        ${view("public.stale_roles", "select role, count(*) from public.users group by role")},
        (select count(*) from pg_class where relname = 'unpopulated_report' and not relispopulated) as unpopulated`,
    );
    expect(found).toEqual({
      fresh_totals: 0,
      stale_roles: expect.toSatisfy((rows: number) => rows > 0),
      unpopulated: 1,
    });
  });

  it("has some of everything that backups lose", async () => {
    const found = await numbers(one.superuserUrl, EVERYTHING);
    expect(Object.entries(found).filter(([, count]) => count === 0)).toEqual([]);
    expect(Object.keys(found).length).toBeGreaterThan(30);
  });

  it("survives a plain dump by the backup role and a restore by a superuser, but for the stale view", async () => {
    const { url, binDir } = sharedPostgres(17);
    const target = `lab_qimma_plain_${suffix}`;
    made.push({ url, name: target });
    await execute(url, `create database ${target} template template0 owner postgres`);
    const targetUrl = urlFor(url, { database: target });
    await promisify(exec)(
      `set -o pipefail; "${binDir}/pg_dump" -Fc -d "${one.backupUrl}" | "${binDir}/pg_restore" --exit-on-error -d "${targetUrl}"`,
      { shell: "/bin/bash" },
    );
    const found = await compareDatabases(one.superuserUrl, targetUrl);
    expect(found.filter((line) => !/^grant \w+ on database /.test(line))).toEqual([
      expect.stringMatching(/^rows public\.stale_roles: /),
    ]);
  });

  it("can live for a day, with partitions and runs that a new project does not have", async () => {
    const lived = await seeded(17, "lived", MEGABYTE, 11);
    await actAsServices(lived.superuserUrl);
    const found = await compareDatabases(one.superuserUrl, lived.superuserUrl);
    expect(found).toContainEqual(
      expect.stringMatching(/^rows realtime\.messages_2026_09_02: left \(absent\) right 20 rows/),
    );
    expect(found).toContainEqual(expect.stringMatching(/^rows cron\.job_run_details: left 0 rows - right 5 rows/));
  });
});

/** One column for each thing of the list, with how many there are. */
const EVERYTHING = `
  with own as (select c.* from pg_class as c where relnamespace in ('public'::regnamespace, 'app_private'::regnamespace, '"Odd Schema"'::regnamespace))
  select
    (select count(*) from pg_policy where polrelid = 'storage.objects'::regclass) as storage_policies,
    (select count(*) from pg_policy where not polpermissive) as restrictive_policies,
    (select count(*) from pg_proc where prosecdef and proname = 'grant_credits' and proacl::text !~ '(^|[{,])(anon)?=X') as revoked_definers,
    (select count(*) from pg_proc where prosqlbody is not null and prokind = 'f') as sql_bodies,
    (select count(*) from pg_proc where prokind = 'p' and pronamespace = 'public'::regnamespace) as procedures,
    (select count(*) from pg_proc where prokind = 'a' and pronamespace = 'public'::regnamespace) as aggregates,
    (select count(*) from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal) as auth_triggers,
    (select count(*) from pg_trigger where tgenabled = 'D' and not tgisinternal) as disabled_triggers,
    (select count(*) from pg_trigger where tgenabled = 'A') as always_triggers,
    (select count(*) from pg_attribute join own on own.oid = attrelid where attacl is not null) as column_grants,
    (select count(*) from pg_constraint where not convalidated) as not_valid,
    (select count(*) from pg_constraint where condeferrable) as deferrable,
    (select count(*) from pg_constraint where contype = 'x') as exclusions,
    (select count(*) from pg_constraint where contypid <> 0 and contype = 'c' and contypid::regtype::text like '%percentage') as domain_constraints,
    (select count(*) from pg_attribute join own on own.oid = attrelid where attgenerated = 's') as generated,
    (select count(*) from pg_attribute join own on own.oid = attrelid where attidentity <> '') as identities,
    (select count(*) from pg_attribute join own on own.oid = attrelid where attcompression <> '') as compressions,
    (select count(*) from own where relkind = 'p') as partitioned,
    (select count(*) from own where relkind = 'p' and relispartition) as sub_partitioned,
    (select count(*) from own where pg_get_expr(relpartbound, oid) = 'DEFAULT') as default_partitions,
    (select count(*) from pg_inherits join own on own.oid = inhrelid where not relispartition and relkind = 'r') as inherited,
    (select count(*) from own where relpersistence = 'u' and relkind = 'r') as unlogged,
    (select count(*) from own where relkind = 'r' and relnatts = 0) as zero_columns,
    (select count(*) from own where relreplident in ('f', 'i')) as replica_identities,
    (select count(*) from own where relforcerowsecurity) as forced_rls,
    (select count(*) from own where reloptions is not null) as storage_parameters,
    (select count(*) from pg_sequence where seqincrement < 0) as descending,
    (select count(*) from pg_sequence where seqcycle) as cycling,
    (select count(*) from pg_largeobject_metadata) as large_objects,
    (select count(*) from pg_statistic_ext) as statistics_objects,
    (select count(*) from pg_rewrite where rulename <> '_RETURN' and ev_class in (select oid from own)) as rules,
    (select count(*) from pg_operator where oprnamespace = 'app_private'::regnamespace) as operators,
    (select count(*) from pg_cast where castfunc::regproc::text = 'app_private.address_text') as casts,
    (select count(*) from pg_ts_config where cfgnamespace = 'public'::regnamespace) as text_search,
    (select count(*) from pg_publication) as publications,
    (select count(*) from pg_publication_rel where prqual is not null) as row_filters,
    (select count(*) from pg_roles where rolname = 'Qimma Grader' and rolconfig is not null) as role_settings,
    (select count(*) from public.odd_values where exact = 'NaN' and moment = 'infinity') as infinities,
    (select count(*) from public.odd_values where day < '0001-01-01' and day <> '-infinity') as before_christ,
    (select count(*) from public.users where full_name ~ '[ء-ي]') as arabic,
    (select count(*) from supabase_migrations.schema_migrations) as migrations,
    (select count(*) from vault.secrets) as secrets,
    (select count(*) from cron.job) as jobs,
    (select count(*) from storage.objects) as files`;

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

describe.each([15, 17] as const)("a project on PostgreSQL %i", (major) => {
  const superuserUrl = (): string => sharedPostgres(major).url;
  let project: LabProject;

  beforeAll(async () => {
    project = await createProject(superuserUrl(), `lab_project_${randomBytes(4).toString("hex")}`);
  });
  afterAll(() => dropProject(superuserUrl(), project.name));

  const asPostgres = (sql: string): Promise<void> => execute(project.postgresUrl, sql);
  const rows = <Row extends object>(url: string, sql: string): Promise<Row[]> =>
    withClient(url, async (client) => (await client.query<Row>(sql)).rows);

  /** Tries it in a transaction that is rolled back either way. */
  const tryOut = (url: string, sql: string): Promise<string> =>
    execute(url, `begin; ${sql}; rollback;`).then(
      () => "done",
      (error: unknown) => String((error as { code?: string }).code),
    );

  it("has a postgres that is no superuser and may make roles and databases", async () => {
    const [role] = await rows(
      project.postgresUrl,
      "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = current_user",
    );
    expect(role).toEqual({ rolsuper: false, rolcreaterole: true, rolcreatedb: true, rolbypassrls: true });
  });

  it.each([
    "alter table auth.users add column mine integer",
    "create table storage.mine (id integer)",
    "create table auth.mine (id integer)",
    "alter table storage.objects disable trigger all",
    "comment on table auth.users is 'mine'",
    "insert into vault.secrets (secret) values ('x')",
    "insert into storage.buckets_vectors (id) values ('x')",
    "insert into storage.vector_indexes (name, bucket_id, data_type, dimension, distance_metric) values ('a', 'b', 'c', 1, 'd')",
    "insert into storage.migrations (id, name, hash) values (999, 'x', 'x')",
    "insert into auth.schema_migrations values ('x')",
    "insert into cron.job (schedule, command) values ('* * * * *', 'select 1')",
    "alter default privileges for role supabase_admin in schema public revoke all on tables from anon",
    "create table public.theirs (); alter table public.theirs owner to supabase_admin",
    "alter database current set app.mine = '1'",
    "create event trigger mine on ddl_command_end execute function extensions.pgrst_ddl_watch()",
    "alter role service_role nosuperuser",
  ])("refuses postgres: %s", async (sql) => {
    const statement = sql.replace("database current", `database ${project.name}`);
    expect(await tryOut(project.postgresUrl, statement)).toMatch(/^(42501)$/);
  });

  it.each([
    "set session_replication_role = replica",
    "create policy mine on storage.objects for select using (true); drop policy mine on storage.objects",
    "create policy mine on auth.users for select using (true); comment on policy mine on auth.users is 'x'",
    "create trigger mine after insert on auth.users for each row execute function storage.update_updated_at_column()",
    "truncate auth.users cascade",
    "insert into storage.buckets (id, name) values ('b', 'b'); update storage.objects set metadata = null",
    "create publication mine for all tables; create publication mine_too for tables in schema public",
    "select vault.create_secret('s', 'n')",
    "select cron.schedule('j', '* * * * *', 'select 1')",
    "alter role anon set statement_timeout = '9s'; alter role authenticator set pgrst.db_schemas = 'public'",
    "create extension btree_gist with schema extensions",
    "create role lab_made_up login; alter role lab_made_up set search_path = public",
  ])("lets postgres: %s", async (sql) => {
    expect(await tryOut(project.postgresUrl, sql)).toBe("done");
  });

  it("takes back what it lent postgres for one command", async () => {
    await asPostgres(
      "create policy lent on storage.objects for select using (true); create publication lent for all tables",
    );
    expect(await tryOut(project.postgresUrl, "alter table storage.objects add column mine integer")).toBe("42501");
    const lent = await rows(
      project.superuserUrl,
      `select rolname from pg_roles where rolname = 'postgres' and rolsuper
       union all select roleid::regrole::text from pg_auth_members
       where member = 'postgres'::regrole and roleid::regrole::text ~ '^supabase_(auth|storage|realtime)_admin$'`,
    );
    expect(lent).toEqual([]);
    await asPostgres("drop policy lent on storage.objects; drop publication lent");
  });

  it("deletes rows of storage only for the Storage API, with its setting or in replica mode", async () => {
    const statement = "delete from storage.objects";
    expect(await tryOut(project.postgresUrl, statement)).toBe("42501");
    expect(await tryOut(project.postgresUrl, `set storage.allow_delete_query = 'true'; ${statement}`)).toBe("done");
    expect(await tryOut(project.postgresUrl, `set session_replication_role = replica; ${statement}`)).toBe("done");
  });

  it("grants to anon at once whatever postgres creates in public", async () => {
    await asPostgres(
      "create table public.fresh (id serial); create function public.fresh_one() returns integer language sql return 1",
    );
    const [may] = await rows(
      project.superuserUrl,
      `select has_table_privilege('anon', 'public.fresh', 'insert') as table,
        has_sequence_privilege('anon', 'public.fresh_id_seq', 'usage') as sequence,
        (select proacl::text like '%anon=X%' from pg_proc where proname = 'fresh_one') as function`,
    );
    expect(may).toEqual({ table: true, sequence: true, function: true });
    await asPostgres("drop table public.fresh; drop function public.fresh_one()");
  });

  it("has a backup role that reads every table, exports a snapshot and writes nothing", async () => {
    const tables = await rows<{ name: string }>(
      project.superuserUrl,
      `select c.oid::regclass::text as name from pg_class as c join pg_namespace as n on n.oid = relnamespace
       where relkind in ('r', 'p') and nspname !~ '^pg_' and nspname <> 'information_schema'`,
    );
    expect(tables.length).toBeGreaterThan(25);
    await withClient(project.backupUrl, async (client) => {
      for (const { name } of tables) await client.query(`select * from ${name}`);
      await client.query("begin isolation level repeatable read");
      await client.query("select pg_export_snapshot()");
    });
    for (const { name } of tables) {
      const forced = `set transaction read write; insert into ${name} default values`;
      expect(await tryOut(project.backupUrl, `insert into ${name} default values`), name).toMatch(/25006|42501/);
      // pg_net gives everybody all rights on its tables; there the role's own setting is all that keeps it from writing.
      const denied = name.startsWith("net.") ? /42501|23502|done/ : /42501/;
      expect(await tryOut(project.backupUrl, forced), name).toMatch(denied);
    }
    expect(await tryOut(project.backupUrl, "create table public.mine ()")).toMatch(/25006|42501/);
  });

  it("keeps a vault whose ciphertext opens in no other project", async () => {
    const other = await createProject(superuserUrl(), `${project.name}_other`);
    const decrypted = "select decrypted_secret from vault.decrypted_secrets where name = 'carried'";
    await asPostgres("select vault.create_secret('open sesame', 'carried')");
    expect(await rows(project.postgresUrl, decrypted)).toEqual([{ decrypted_secret: "open sesame" }]);
    const [secret] = await rows<{ nonce: Buffer; secret: string }>(
      project.backupUrl,
      "select nonce, secret from vault.secrets where name = 'carried'",
    );
    await withClient(other.superuserUrl, (client) =>
      client.query("insert into vault.secrets (name, nonce, secret) values ('carried', $1, $2)", [
        secret?.nonce,
        secret?.secret,
      ]),
    );
    const opened = await rows(other.postgresUrl, decrypted).catch(() => "unreadable");
    expect(opened).not.toEqual([{ decrypted_secret: "open sesame" }]);
    await dropProject(superuserUrl(), other.name);
  });
});

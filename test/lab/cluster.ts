import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type pg from "pg";
import { execute, LAB_PASSWORD, urlFor, withClient } from "./connection.ts";

const sqlFolder = new URL("./sql/", import.meta.url);
const backupRoleFile = new URL("../../runbooks/sql/backup-role.sql", import.meta.url);

/** Any number: it only has to be the same for everybody who prepares a cluster. */
const PREPARING = 720_190_317;

/**
 * Makes a plain PostgreSQL cluster ready for projects: Supabase's roles, the backup role, and the template database
 * that new projects are copied from. May be called any number of times, also at once from several processes.
 *
 * @param superuserUrl the cluster's bootstrap superuser, who must not be called `postgres` or `supabase_admin`
 * @returns the template's name; it contains a hash of the SQL, so a changed lab never meets a stale template
 */
export async function prepareCluster(superuserUrl: string): Promise<string> {
  const roles = await readFile(new URL("cluster-roles.sql", sqlFolder), "utf8");
  const project = await projectSql();
  const template = `lab_template_${createHash("sha256").update(roles).update(project).digest("hex").slice(0, 12)}`;
  // Advisory locks count within one database, so everybody takes it in the one that each cluster has.
  await withClient(urlFor(superuserUrl, { database: "postgres" }), async (client) => {
    await client.query("select pg_advisory_lock($1)", [PREPARING]);
    const ready = await client.query("select from pg_database where datname = $1 and datistemplate", [template]);
    if (ready.rowCount === 0) {
      // Supabase's own setting, for everybody: whoever reads for longer has to say so.
      await client.query("alter system set statement_timeout = '2min'");
      await client.query("select pg_reload_conf()");
      await client.query(roles);
      await createBackupRole(client, superuserUrl);
      await buildTemplate(client, superuserUrl, template, project);
    }
    await client.query("select pg_advisory_unlock($1)", [PREPARING]);
  });
  return template;
}

async function projectSql(): Promise<string> {
  const folder = new URL("project/", sqlFolder);
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, folder), "utf8")));
  return texts.join("\n");
}

async function buildTemplate(client: pg.Client, superuserUrl: string, template: string, sql: string): Promise<void> {
  await client.query(`drop database if exists ${template} with (force)`);
  await client.query(`create database ${template} template template0 encoding 'UTF8' owner postgres`);
  await execute(urlFor(superuserUrl, { database: template }), sql);
  // The mark comes last: a template that was interrupted is built again.
  await client.query(`alter database ${template} with is_template true allow_connections false`);
}

/**
 * The recommended read-only role, from the SQL that Lifeboat ships, so that the lab proves that very text.
 * Before PostgreSQL 16 only a superuser hands out BYPASSRLS; on Supabase supautils lets `postgres` do it (fact, 15 and 17).
 */
async function createBackupRole(client: pg.Client, superuserUrl: string): Promise<void> {
  const exists = await client.query("select from pg_roles where rolname = 'lifeboat_backup'");
  if (exists.rowCount !== 0) return;
  const version = await client.query<{ number: number }>("select current_setting('server_version_num')::int as number");
  const modern = (version.rows[0]?.number ?? 0) >= 160_000;
  const user = modern ? "postgres" : "supabase_admin";
  await execute(urlFor(superuserUrl, { user, password: LAB_PASSWORD }), await backupRoleSql());
  await client.query(`alter role lifeboat_backup password '${LAB_PASSWORD}'`);
}

async function backupRoleSql(): Promise<string> {
  try {
    return await readFile(backupRoleFile, "utf8");
  } catch {
    return `create role lifeboat_backup login password '${LAB_PASSWORD}' bypassrls;
      grant pg_read_all_data to lifeboat_backup;
      alter role lifeboat_backup set default_transaction_read_only = on;`;
  }
}

import { createHash } from "node:crypto";
import pg from "pg";
import { prepareCluster } from "./cluster.ts";
import { LAB_PASSWORD, urlFor, withClient } from "./connection.ts";

/** One Supabase-shaped database and the ways into it. */
export interface LabProject {
  readonly name: string;
  /** The cluster's superuser: nobody has it on Supabase. For arranging faults and for looking, never for the code under test. */
  readonly superuserUrl: string;
  /** `postgres`, as limited as Supabase's: what a user of the project has, and what restores. */
  readonly postgresUrl: string;
  /** `lifeboat_backup`, the recommended role that reads everything and writes nothing. */
  readonly backupUrl: string;
}

/**
 * Creates a database that looks like a new Supabase project, copied from the cluster's template (built when missing).
 * On Supabase every project has a cluster of its own; here projects of one cluster share its roles, so a custom role of a
 * seeded source already exists for a target beside it: take a target on another cluster, or `dropQimmaRoles` first.
 */
export async function createProject(superuserUrl: string, name: string): Promise<LabProject> {
  await copyDatabase(superuserUrl, await prepareCluster(superuserUrl), name);
  return projectUrls(superuserUrl, name);
}

/**
 * Copies a project with everything in it, in its own cluster: a quick way to many seeded projects.
 * Nobody may be connected to the original meanwhile.
 */
export async function copyProject(original: LabProject, name: string): Promise<LabProject> {
  await copyDatabase(original.superuserUrl, original.name, name);
  return projectUrls(original.superuserUrl, name);
}

async function copyDatabase(superuserUrl: string, template: string, name: string): Promise<void> {
  const database = pg.escapeIdentifier(name);
  // Every project has another root key, as on Supabase: ciphertext of one vault does not open in another.
  const rootKey = createHash("sha256").update(`vault root key of ${name}`).digest("hex");
  await withClient(urlFor(superuserUrl, { database: "postgres" }), async (client) => {
    // Files are copied as files: page by page through the log, PostgreSQL's usual way, takes several times the CPU.
    const from = pg.escapeIdentifier(template);
    await client.query(`create database ${database} template ${from} owner postgres strategy file_copy`);
    // What a template does not hand on: rights on the database, and settings of roles in it.
    await client.query(`grant all on database ${database} to postgres, dashboard_user`);
    await client.query(
      `grant create on database ${database} to supabase_auth_admin, supabase_realtime_admin, supabase_etl_admin`,
    );
    await client.query(`alter role supabase_admin in database ${database} set lab.vault_root_key = '${rootKey}'`);
  });
}

/** The ways into a project that exists already. */
export function projectUrls(superuserUrl: string, name: string): LabProject {
  const as = (user: string) => urlFor(superuserUrl, { database: name, user, password: LAB_PASSWORD });
  return {
    name,
    superuserUrl: urlFor(superuserUrl, { database: name }),
    postgresUrl: as("postgres"),
    backupUrl: as("lifeboat_backup"),
  };
}

/** Drops the database, also under connections that are still open. Nothing happens when it does not exist. */
export async function dropProject(superuserUrl: string, name: string): Promise<void> {
  await withClient(urlFor(superuserUrl, { database: "postgres" }), (client) =>
    client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`),
  );
}

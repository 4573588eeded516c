import type { Client } from "pg";
import { z } from "zod";
import type { Environment } from "../../../config/environment.ts";
import { quoteIdentifier, quoteQualified } from "../../../postgres/identifier.ts";
import type { ManagementApi } from "../../../supabase/management-api.ts";
import { connectAsOwner } from "./owner-session.ts";

/** What was switched off inside a database, and the statement that switches it on again. */
export interface SwitchedOff {
  readonly what: string;
  readonly on: string;
}

const jobSchema = z.array(z.object({ jobid: z.string(), name: z.string() }));
const triggerSchema = z.array(z.object({ schema: z.string(), table: z.string(), name: z.string() }));

/** Calls of the outside as Supabase's webhooks make them (supabase_functions.http_request), and pg_net's. */
const triggers = `
  select n.nspname as schema, c.relname as table, t.tgname as name
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_proc p on p.oid = t.tgfoid join pg_namespace f on f.oid = p.pronamespace
   where not t.tgisinternal and t.tgenabled <> 'D' and f.nspname in ('supabase_functions', 'net')`;

/**
 * Switches cron jobs and webhooks off in a database that may come back: nobody can connect to it any more, but it could still speak.
 * @throws LifeboatError when it cannot be reached; the driver's errors
 */
export async function quietInside(api: ManagementApi, ref: string, env: Environment): Promise<SwitchedOff[]> {
  const client = await connectAsOwner(api, ref, env, "fence");
  try {
    await client.query("set statement_timeout = '15s'");
    return [...(await stopJobs(client)), ...(await stopWebhooks(client))];
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function stopJobs(client: Client): Promise<SwitchedOff[]> {
  const { rows: there } = await client.query("select to_regclass('cron.job') is not null as there");
  if (there[0]?.there !== true) return [];
  const { rows } = await client.query(
    "select jobid::text as jobid, coalesce(jobname, 'number ' || jobid) as name from cron.job where active and username = current_user",
  );
  const jobs = jobSchema.parse(rows);
  for (const { jobid } of jobs)
    await client.query("select cron.alter_job(job_id := $1::bigint, active := false)", [jobid]);
  return jobs.map(({ jobid, name }) => ({
    what: `cron job ${name}`,
    on: `select cron.alter_job(job_id := ${jobid}, active := true);`,
  }));
}

async function stopWebhooks(client: Client): Promise<SwitchedOff[]> {
  const found = triggerSchema.parse((await client.query(triggers)).rows);
  const done: SwitchedOff[] = [];
  for (const { schema, table, name } of found) {
    const alter = (how: string): string =>
      `alter table ${quoteQualified(schema, table)} ${how} trigger ${quoteIdentifier(name)};`;
    await client.query(alter("disable"));
    done.push({ what: `webhook ${name} on ${schema}.${table}`, on: alter("enable") });
  }
  return done;
}

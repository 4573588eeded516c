import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { Environment } from "../../../config/environment.ts";
import type { ManagementApi } from "../../../supabase/management-api.ts";
import { holdRequests, letRequestsGo } from "../../restore/quiet/firing.ts";
import { connectAsOwner } from "./owner-session.ts";

/** What was switched off inside a database, and the statement that switches it on again. */
export interface SwitchedOff {
  readonly what: string;
  readonly on: string;
}

const jobSchema = z.array(z.object({ jobid: z.string(), name: z.string() }));

/**
 * Switches cron jobs off in a database that may come back, and drops what pg_net would send, whatever code it comes from: nobody can connect
 * any more, but it could still speak. Not trigger by trigger: a login may go on at Auth and fire those on `auth.users`, which only the
 * platform can disable, and those whose own function calls pg_net.
 * @throws LifeboatError when it cannot be reached, `fence-open` when requests cannot be held back; the driver's errors
 */
export async function quietInside(api: ManagementApi, ref: string, env: Environment): Promise<SwitchedOff[]> {
  const client = await connectAsOwner(api, ref, env, "fence");
  try {
    await client.query("set statement_timeout = '15s'");
    const off = [...(await stopJobs(client)), ...(await stopRequests(client))];
    await assertNoJobs(client);
    return off;
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

/** @throws OperationError `fence-open` when jobs of other roles are still on */
async function assertNoJobs(client: Client): Promise<void> {
  const { rows: there } = await client.query("select to_regclass('cron.job') is not null as there");
  if (there[0]?.there !== true) return;
  const { rows } = await client.query("select count(*)::int as jobs from cron.job where active");
  const left = z.array(z.object({ jobs: z.number() })).parse(rows)[0]?.jobs ?? 0;
  if (left === 0) return;
  const which = `${countOf(left, "cron job")} of other roles ${left === 1 ? "is" : "are"} still on`;
  throw new OperationError("fence-open", `${which}: only their owners can switch them off`);
}

async function stopRequests(client: Client): Promise<SwitchedOff[]> {
  if (await holdRequests(client)) return [{ what: "requests of pg_net, webhooks among them", on: letRequestsGo }];
  const { rows } = await client.query("select to_regclass('net.http_request_queue') is not null as there");
  if (rows[0]?.there !== true) return [];
  throw new OperationError("fence-open", "Cron jobs are off; what pg_net sends could not be held back.");
}

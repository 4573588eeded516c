import { createHash } from "node:crypto";
import type { Client } from "pg";
import { z } from "zod";
import { describeCode, sqlState } from "../../../base/errors.ts";
import { wholeOf } from "../../../base/flow/chunks.ts";
import type { Difference } from "../../../compare/difference.ts";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import { unescapeCopy } from "../../../postgres/rows/copy-text.ts";
import type { Journal } from "../target/journal.ts";

/** The journal's name for them; the note lists the new numbers of those that were active at the source. */
export const cronItem = "cron jobs";

const jobSchema = z.object({
  jobid: z.string(),
  jobname: z.string().nullable(),
  schedule: z.string(),
  command: z.string(),
  database: z.string(),
  username: z.string(),
  active: z.string(),
});
type Job = z.infer<typeof jobSchema>;

/** Digests, since a command may hold a key; `refused` by the job's number at the source. */
const noteSchema = z.object({
  made: z.number(),
  quieted: z.array(z.string()),
  wanted: z.array(z.object({ digest: z.string(), what: z.string() })),
  refused: z.record(z.string(), z.string()),
  /** Role of a job that is another's than the restore's, by its new number. */
  roles: z.record(z.string(), z.string()),
});
type Note = z.infer<typeof noteSchema>;

/** COPY text of `cron.job`, and what is known of the two databases. */
export interface JobRows {
  readonly rows: AsyncIterable<Uint8Array>;
  /** Names of the columns, in the order of the text. */
  readonly columns: readonly string[];
  /** Name of the source's database: its jobs are for the target's, whatever that is called. */
  readonly database: string;
}

/**
 * Makes the cron jobs anew where `cron.job` itself may not be written (Supabase: only pg_cron's own functions write it):
 * each as the role that it ran as, which is the one that pg_cron gives it to (job_metadata.c), never as another; switched
 * off in the transaction that makes it. They get new numbers. What was refused is tried again by a later run.
 *
 * @returns why some were not made
 */
export async function scheduleJobs(client: Client, from: JobRows, journal: Journal): Promise<string[]> {
  const jobs = await readJobs(from);
  const before = noteSchema.safeParse(journal.noted(cronItem)).data;
  const target = await client.query<{ name: string; role: string }>(
    "select current_database() as name, current_user as role",
  );
  const { name, role } = target.rows[0] ?? { name: "", role: "" };
  const here = jobs.map((job) => (job.database === from.database ? { ...job, database: name } : job));
  const note: Note = {
    ...{ made: before?.made ?? 0, quieted: [...(before?.quieted ?? [])], refused: {} },
    roles: { ...before?.roles },
    wanted: here.map((job) => ({ digest: digestOf(job), what: describe(job) })),
  };
  await client.query("begin");
  for (const job of here) {
    if (before !== undefined && before.refused[job.jobid] === undefined) continue;
    const done = await scheduleOne(client, job, role);
    if ("reason" in done) {
      note.refused[job.jobid] = `${describe(job)}: ${done.reason}`;
      continue;
    }
    note.made += 1;
    if (job.active === "t") note.quieted.push(done.id);
    if (job.username !== role) note.roles[done.id] = job.username;
  }
  await journal.note(client, cronItem, note);
  await client.query("commit");
  return Object.values(note.refused);
}

async function readJobs({ rows, columns }: JobRows): Promise<Job[]> {
  const lines = (await wholeOf(rows)).toString("utf8").split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split("\t").map(unescapeCopy);
      const known = { active: "t", jobname: null };
      return jobSchema.parse({ ...known, ...Object.fromEntries(columns.map((column, at) => [column, fields[at]])) });
    });
}

const describe = ({ jobname, jobid, username }: Pick<Job, "jobname" | "jobid" | "username">): string =>
  `${jobname ?? `number ${jobid}, which has no name,`} of ${username}`;

function digestOf({ jobname, schedule, command, database, username }: Omit<Job, "jobid" | "active">): string {
  const text = JSON.stringify([jobname, schedule, command, database, username]);
  return createHash("sha256").update(text).digest("base64url");
}

async function scheduleOne(client: Client, job: Job, role: string): Promise<{ id: string } | { reason: string }> {
  const { jobname, schedule, command, database, username } = job;
  await client.query("savepoint job");
  try {
    const lent = username === role ? [] : await lendRights(client, username);
    if (username !== role) await client.query(`set local role ${quoteIdentifier(username)}`);
    const answer =
      jobname === null
        ? await client.query("select cron.schedule($1, $2) as id", [schedule, command])
        : await client.query("select cron.schedule($1, $2, $3) as id", [jobname, schedule, command]);
    const id = answer.rows[0]?.id;
    await client.query("select cron.alter_job(job_id := $1, database := $2, active := false)", [id, database]);
    if (username !== role) await client.query("reset role");
    for (const right of lent) await client.query(`revoke ${right} from ${quoteIdentifier(username)}`);
    return { id: String(id) };
  } catch (error) {
    await client.query("rollback to savepoint job");
    if (sqlState(error) !== "3D000") return { reason: describeCode(error) };
    const make = `create database ${quoteIdentifier(database)}`;
    return { reason: `3D000, it runs in database ${database}, which is not here; \`${make};\`, then restore again` };
  }
}

const alterJob = "cron.alter_job(bigint,text,text,text,text,boolean)";

/** Rights on pg_cron that the role does not have, for as long as its job is being made. */
async function lendRights(client: Client, role: string): Promise<string[]> {
  const answer = await client.query<{ uses: boolean; alters: boolean }>(
    `select has_schema_privilege($1, 'cron', 'usage') as uses, has_function_privilege($1, '${alterJob}', 'execute') as alters`,
    [role],
  );
  const { uses, alters } = answer.rows[0] ?? { uses: true, alters: true };
  const rights = [...(uses ? [] : ["usage on schema cron"]), ...(alters ? [] : [`execute on function ${alterJob}`])];
  for (const right of rights) await client.query(`grant ${right} to ${quoteIdentifier(role)}`);
  return rights;
}

/** What switches the jobs on again that were awake at the source, role by role: nobody may alter another's job. */
export function wakeJobs(journal: Journal): { readonly what: string; readonly on: string }[] {
  const copied = journal.quieted("rows cron.job");
  if (copied.length > 0) {
    const on = `update cron.job set active = true where jobid in (${copied.join(", ")});`;
    return [{ what: `${copied.length} cron jobs`, on }];
  }
  const note = noteSchema.safeParse(journal.noted(cronItem)).data;
  if (note === undefined) return [];
  const byRole = Map.groupBy(note.quieted, (id) => note.roles[id]);
  return [...byRole].map(([role, ids]) => {
    const alter = `cron.alter_job(job_id := jobid, active := true) from cron.job where jobid in (${ids.join(", ")});`;
    if (role === undefined) return { what: `${ids.length} cron jobs`, on: `select ${alter}` };
    const name = quoteIdentifier(role);
    const rights = ["usage on schema cron", `execute on function ${alterJob}`];
    const lines = [
      ...rights.map((right) => `grant ${right} to ${name};`),
      `set local role ${name}; perform ${alter} reset role;`,
      ...rights.map((right) => `revoke ${right} from ${name};`),
    ];
    return { what: `${ids.length} cron jobs of ${role}`, on: `do $lifeboat$ begin ${lines.join(" ")} end $lifeboat$;` };
  });
}

/** Whether the target's jobs are those of the set: as many, of whom, in which database, and none awake. */
export async function compareJobs(client: Client, journal: Journal): Promise<Difference[]> {
  const note = noteSchema.safeParse(journal.noted(cronItem)).data;
  if (note === undefined) return [];
  const answer = await client.query(
    `select jobid::text as jobid, jobname, schedule, command, database, username, active::text as active from cron.job`,
  );
  const present = z.array(jobSchema).parse(answer.rows);
  const left = new Map<string, number>();
  for (const job of present) left.set(digestOf(job), (left.get(digestOf(job)) ?? 0) + 1);
  const refused = Object.values(note.refused);
  const missing = note.wanted.filter(({ digest, what }) => {
    const there = left.get(digest) ?? 0;
    left.set(digest, there - 1);
    return there < 1 && !refused.some((reason) => reason.startsWith(`${what}: `));
  });
  const extra = present.filter((job) => {
    const there = left.get(digestOf(job)) ?? 0;
    if (there > 0) left.set(digestOf(job), there - 1);
    return there > 0;
  });
  // After a run that ended, somebody may have switched them on as that run said.
  const quieted = new Set(journal.resumed ? [] : note.quieted);
  const awake = present.filter((job) => quieted.has(job.jobid) && job.active !== "false");
  const say = (what: string, detail: string, why = "the jobs of the target are not those of the set"): Difference => ({
    ...{ kind: "cron job", identity: what, aspect: "rows", detail, verdict: "failed", why },
  });
  return [
    ...refused.map((text) => {
      const what = note.wanted.find((one) => text.startsWith(`${one.what}: `))?.what ?? "";
      return say(what, "could not be made", text.slice(what.length).replace(/^: /, ""));
    }),
    ...missing.map(({ what }) => say(what, "is not in the target as it was")),
    ...extra.map((job) => say(describe(job), "in the target only")),
    ...awake.map((job) => say(describe(job), "is awake")),
  ];
}

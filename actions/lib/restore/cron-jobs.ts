import type { Client } from "pg";
import { describeCode } from "../source/sqlstate.ts";
import type { Journal } from "./journal.ts";

/** The journal's name for them; the note lists the new numbers of those that were active at the source. */
export const cronItem = "cron jobs";

/**
 * Makes the cron jobs anew where `cron.job` itself may not be written (Supabase: only pg_cron's own functions write it),
 * each switched off in the transaction that makes it. They get new numbers.
 *
 * @param rows COPY text of `cron.job`
 * @param columns names of its columns, in the order of the text
 * @returns how many were made, and why the others were not
 */
export async function scheduleJobs(
  client: Client,
  rows: AsyncIterable<Uint8Array>,
  columns: readonly string[],
  journal: Journal,
): Promise<{ made: number; refused: string[] }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of rows) chunks.push(chunk);
  if (journal.isDone(cronItem)) return { made: 0, refused: [] };
  const lines = Buffer.concat(chunks)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
  const refused: string[] = [];
  const quieted: string[] = [];
  let made = 0;
  await client.query("begin");
  for (const line of lines) {
    const fields = line.split("\t").map(unescapeCopy);
    const field = (name: string) => fields[columns.indexOf(name)] ?? null;
    const done = await scheduleOne(client, field("jobname"), field("schedule") ?? "", field("command") ?? "");
    if ("reason" in done) {
      refused.push(`job ${field("jobname") ?? field("jobid") ?? "without a name"}: ${done.reason}`);
      continue;
    }
    made += 1;
    if (field("active") === "t") quieted.push(done.id);
  }
  await journal.note(client, cronItem, { made, quieted });
  await client.query("commit");
  return { made, refused };
}

async function scheduleOne(
  client: Client,
  name: string | null,
  schedule: string,
  command: string,
): Promise<{ id: string } | { reason: string }> {
  await client.query("savepoint job");
  try {
    const answer =
      name === null
        ? await client.query("select cron.schedule($1, $2) as id", [schedule, command])
        : await client.query("select cron.schedule($1, $2, $3) as id", [name, schedule, command]);
    await client.query("select cron.alter_job(job_id := $1, active := false)", [answer.rows[0]?.id]);
    return { id: String(answer.rows[0]?.id) };
  } catch (error) {
    await client.query("rollback to savepoint job");
    return { reason: describeCode(error) };
  }
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** One field of COPY text as its value (PostgreSQL's manual, COPY, text format). */
export function unescapeCopy(field: string): string | null {
  if (field === "\\N") return null;
  return field.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

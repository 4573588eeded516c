import { silentLog } from "../../actions/lib/base/log.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import verb from "../../actions/lib/operations/erase/operation.ts";
import { execute, urlFor, withClient } from "../lab/index.ts";
import type { BackupLab } from "./backup-lab.ts";

/** A school without Supabase around it: people in columns, JSON, an array of JSON, rows that refer to theirs, and partitions. */
const schema = `
  create table public.people (id uuid primary key, email text not null unique, name text not null, newsletter boolean not null default true);
  create table public.submissions (id bigint primary key, student uuid not null references public.people (id), essay text not null);
  create table public.attachments (id bigint primary key, submission bigint not null references public.submissions (id), content text not null);
  create table public.events (id bigint primary key, at timestamptz not null default '2026-01-01', payload jsonb not null) partition by range (id);
  create table public.events_a partition of public.events for values from (0) to (1000);
  create table public.events_b partition of public.events for values from (1000) to (100000000);
  create table public.chats (id bigint primary key, doc json not null, lines integer generated always as (1) stored);
  create table public.certificates (id bigint primary key, student uuid not null, grade text not null);
  create table public.payments (id bigint primary key, payer_email text, payer_name text, amount numeric not null);
  create materialized view public.essays_by_student as
    select p.name, count(*) as essays from public.people p join public.submissions s on s.student = p.id group by p.name;
  create function public.copied() returns trigger language plpgsql as $$
    begin insert into public.audit select 'old', to_jsonb(old)::text; return null; end $$;
  create table public.audit (what text, row text);
  create trigger copies after delete or update on public.submissions for each row execute function public.copied();`;

const person = (n: string) => `('00000000-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;

/** Everything of person n holds the word `canary-<n>-`. */
const fill = (people: number) => `
  insert into public.people select ${person("n")}, 'canary-' || n || '-@school.example', 'canary-' || n || '-name' from generate_series(1, ${people}) n;
  insert into public.submissions select n * 10 + k, ${person("n")}, 'canary-' || n || '-essay ' || k from generate_series(1, ${people}) n, generate_series(0, 2) k;
  insert into public.attachments select s.id * 10, s.id, replace(s.essay, 'essay', 'file') from public.submissions s;
  insert into public.events (id, payload) select n * 100 + k, jsonb_build_object('user', jsonb_build_object('id', ${person("n")}, 'note', 'canary-' || n || '-event'))
    from generate_series(1, ${people}) n, generate_series(0, 1) k;
  insert into public.chats (id, doc) select n, json_build_object('with', json_build_array(json_build_object('id', ${person("n")}, 'name', 'canary-' || n || '-chat'),
      json_build_object('id', 'ffffffff-0000-4000-8000-000000000000', 'name', 'teacher'))) from generate_series(1, ${people}) n;
  insert into public.certificates select n, ${person("n")}, 'A' from generate_series(1, ${people}) n;
  insert into public.payments select n, 'canary-' || n || '-@school.example', 'canary-' || n || '-payer', n from generate_series(1, ${people}) n;
  refresh materialized view public.essays_by_student;`;

/** What erasing means in the school. */
export const schoolErasure: NonNullable<PolicyInput["erasure"]> = {
  subjects: { table: "public.people", column: "id" },
  identifiers: { email: "email" },
  mostRows: 20,
  slackRows: 3,
  rules: [
    { table: "public.people", find: { column: "id" }, erase: "delete" },
    { table: "public.submissions", find: { column: "student" }, erase: "delete" },
    {
      table: "public.attachments",
      find: { column: "submission", of: "public.submissions", key: "id" },
      erase: "delete",
    },
    { table: "public.events", find: { column: "payload", path: ["user", "id"] }, erase: "delete" },
    { table: "public.chats", find: { column: "doc", each: "$.with[*].id" }, erase: { doc: `'{"with": []}'` } },
    {
      table: "public.payments",
      find: { column: "payer_email", is: "email" },
      erase: { payer_name: null, payer_email: "'erased-' || md5(payer_email)" },
    },
    {
      table: "public.certificates",
      find: { column: "student" },
      keep: "Art. 17(3)(b) GDPR: results may be contested for seven years",
    },
  ],
  revocations: { newsletter: [{ table: "public.people", find: { column: "id" }, erase: { newsletter: "false" } }] },
};

export interface School {
  readonly name: string;
  readonly url: string;
}

export const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

export async function makeSchool(admin: string, name: string, people: number): Promise<School> {
  await execute(admin, `create database ${name}`);
  const url = urlFor(admin, { database: name });
  await execute(url, schema);
  await execute(url, fill(people));
  return { name, url };
}

const ref = "abcdefghijklmnopqrst";

/** Runs the command `erase` on the school, which is production. */
export function eraseRunner(lab: BackupLab, school: School, more: Readonly<Record<string, string>> = {}) {
  const env = {
    ...lab.env(school.url),
    ...{ RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: school.url, TARGET_PROJECT_REF: ref },
    ...more,
  };
  return (given: Record<string, string | boolean>) =>
    runOperation(verb, readInputs(verb, "command", { production: ref, ...given }), {
      ...{ env, log: silentLog, signal: new AbortController().signal },
    });
}

/** Plans, and does what was planned. */
export async function eraseOne(lab: BackupLab, school: School, given: Record<string, string | boolean>) {
  const run = eraseRunner(lab, school);
  const planned = await run({ ...given, "dry-run": true });
  return run({ ...given, "plan-hash": planned.outputs?.["plan-hash"] ?? "" });
}

/** Which people still have a canary anywhere in a database: every row of every table and materialised view as text. */
export async function canariesIn(url: string): Promise<Set<number>> {
  return withClient(url, async (client) => {
    const tables = await client.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm') and n.nspname !~ '^(pg_|information_schema)'`,
    );
    const found = new Set<number>();
    for (const { name } of tables.rows) {
      const rows = await client.query<{ row: string }>(
        `select t::text as row from only ${name} t where t::text ~ 'canary-'`,
      );
      for (const { row } of rows.rows) for (const [, n] of row.matchAll(/canary-(\d+)-/g)) found.add(Number(n));
    }
    return found;
  });
}

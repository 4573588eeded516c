import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { Difference } from "../../actions/lib/compare/difference.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { planData, readTargetTables } from "../../actions/lib/operations/restore/plan/plan-data.ts";
import { proveRestored } from "../../actions/lib/operations/restore/proof/prove-restored.ts";
import { planQuiet } from "../../actions/lib/operations/restore/quiet/outbound.ts";
import { Journal, stateOf } from "../../actions/lib/operations/restore/target/journal.ts";
import { inspectTarget } from "../../actions/lib/operations/target/target.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { fingerprintLargeObject, fingerprintTable, readWith } from "../../actions/lib/postgres/rows/fingerprint.ts";
import { viewQuestions } from "../../actions/lib/postgres/rows/others-code.ts";
import { copyProject, createProject, execute, type LabProject, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";

/** What is done to a perfect copy, and the difference that the proof must name; nothing else may be named. */
const planted: readonly [name: string, sql: string, kind: string, identity: RegExp, aspect: string][] = [
  [
    "a changed value",
    "update public.classes set name = name || '.' where ctid = (select min(ctid) from public.classes)",
    "table",
    /^public\.classes$/,
    "rows",
  ],
  [
    "a lost row",
    "delete from public.credit_transactions where ctid = (select min(ctid) from public.credit_transactions)",
    "table",
    /^public\.credit_transactions/,
    "rows",
  ],
  [
    "a doubled row for a lost one",
    "delete from public.duplicates where ctid = (select min(ctid) from public.duplicates where email = 'same'); insert into public.duplicates select * from public.duplicates where email is null limit 1",
    "table",
    /^public\.duplicates$/,
    "rows",
  ],
  [
    "a dropped policy",
    'drop policy "Avatars are public" on storage.objects',
    "policy",
    /^"Avatars are public" on storage\.objects$/,
    "missing",
  ],
  [
    "a policy that lets more through",
    "alter policy delete_own on public.credit_transactions using (true)",
    "policy",
    /^delete_own on /,
    "definition",
  ],
  [
    "a re-granted function",
    "grant execute on function public.grant_credits to anon",
    "function",
    /^public\.grant_credits\(/,
    "grants",
  ],
  [
    "a lost column grant",
    "revoke select (role) on public.users from qimma_reporting",
    "table",
    /^public\.users$/,
    "grants",
  ],
  [
    "a lowered sequence",
    "select setval('public.receipt_numbers', 100000, false)",
    "sequence",
    /^public\.receipt_numbers$/,
    "value",
  ],
  ["a missing index", "drop index public.submissions_open", "index", /^public\.submissions_open$/, "missing"],
  [
    "a missing trigger",
    "drop trigger on_auth_user_created on auth.users",
    "trigger",
    /^on_auth_user_created on auth\.users$/,
    "missing",
  ],
  [
    "a trigger that was switched off",
    "alter table public.classes disable trigger always_on",
    "trigger",
    /^always_on on public\.classes$/,
    "definition",
  ],
  [
    "another function body",
    "create or replace function public.touch_submission() returns trigger language plpgsql as 'begin return null; end'",
    "function",
    /^public\.touch_submission\(\)$/,
    "definition",
  ],
  [
    "row level security switched off",
    "alter table public.exams disable row level security",
    "table",
    /^public\.exams$/,
    "definition",
  ],
  [
    "another owner",
    "alter function public.touch_submission() owner to service_role",
    "function",
    /^public\.touch_submission\(\)$/,
    "owner",
  ],
  [
    "a lost comment",
    "comment on policy no_drafts on public.student_submissions is null",
    "policy",
    /^no_drafts on /,
    "comment",
  ],
  [
    "a table more in a publication",
    "alter publication nothing_yet add table public.classes",
    "publication",
    /^nothing_yet$/,
    "definition",
  ],
  [
    "an object that nobody asked for",
    "create view public.leak as select * from auth.users",
    "view",
    /^public\.leak$/,
    "extra",
  ],
  [
    "a changed large object",
    "select lo_put(oid, 0, 'x') from pg_largeobject_metadata order by oid limit 1",
    "large object",
    /^\d+$/,
    "rows",
  ],
  [
    "a row that points at nothing",
    "set session_replication_role = replica; update auth.identities set user_id = '9c1d1b60-0000-4000-8000-00000000feed' where ctid = (select min(ctid) from auth.identities)",
    "table constraint",
    / on auth\.identities$/,
    "reference",
  ],
];

let cluster: RunningPostgres;
let source: LabProject;
let inventory: Inventory;
const made: string[] = [];
const superuser = () => cluster.superuserUrl();
const session = (url: string) => connect(parseConnectionUrl(url), { applicationName: "lifeboat/test" });

beforeAll(async () => {
  // Of its own: other tests' roles would be strangers in it.
  cluster = await startPostgres(17);
  source = await createProject(superuser(), `proof_${process.pid}`);
  made.push(source.name);
  await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 3, superuserUrl: source.superuserUrl });
  inventory = await recorded(source.superuserUrl);
});
afterAll(async () => {
  await cluster?.stop();
});

/** What a backup would have recorded. */
async function recorded(url: string): Promise<Inventory> {
  const client = await session(url);
  await client.query("begin isolation level repeatable read read only");
  const found = await readInventory(client);
  const tables: Inventory["tables"] = [];
  for (const table of found.tables) {
    tables.push({ ...table, fingerprint: table.carried ? await fingerprintTable(client, table) : null });
  }
  const materializedViews = found.materializedViews.filter(({ populated }) => !populated);
  const filled = found.materializedViews.filter(({ populated }) => populated);
  for (const { view, stored, fresh } of await viewQuestions(client, filled)) {
    const [held, now] = [await readWith(client, view, stored), fresh ? await readWith(client, view, fresh) : null];
    materializedViews.push({ ...view, stored: held, fresh: now });
  }
  const largeObjects: Inventory["largeObjects"] = [];
  for (const { oid } of found.largeObjects) largeObjects.push(await fingerprintLargeObject(client, oid));
  await client.end();
  return { ...found, tables, materializedViews, largeObjects };
}

async function prove(url: string): Promise<Difference[]> {
  const client: pg.Client = await session(url);
  const facts = await inspectTarget(client, 17);
  const plan = planData(inventory, await readTargetTables(client), facts.platform, new Set());
  const journal = await Journal.open(client, "20260101T000000Z-00000000", stateOf(facts.inventory));
  const none = new Map<string, string>();
  const findings = { failures: none, rowFailures: none, viewFailures: none, sequenceFailures: none };
  const { differences } = await proveRestored({
    ...{ source: inventory, facts, plan, journal, jobs: 2, log: silentLog, connect: () => session(url) },
    findings: { ...findings, ...planQuiet(inventory, true) },
  });
  await client.end();
  return differences.filter(({ verdict }) => verdict !== "expected");
}

test("a perfect copy has no difference", async () => {
  const copy = await copyProject(source, `proof_${process.pid}_same`);
  made.push(copy.name);
  expect(await prove(copy.superuserUrl)).toEqual([]);
});

test.each(planted)("the proof names %s, and nothing else", async (_name, sql, kind, identity, aspect) => {
  const copy = await copyProject(source, `proof_${process.pid}_${made.length}`);
  made.push(copy.name);
  await execute(copy.superuserUrl, sql);
  const found = await prove(copy.superuserUrl);
  expect(found.filter((one) => one.kind === kind && identity.test(one.identity) && one.aspect === aspect)).not.toEqual(
    [],
  );
  // A changed row changes what refers to it and what is computed from it; those are told as well.
  const others = found.filter((one) => !(one.kind === kind && identity.test(one.identity)));
  expect(
    others.filter((one) => one.aspect !== "rows").map((one) => `${one.kind} ${one.identity}: ${one.detail}`),
  ).toEqual([]);
});

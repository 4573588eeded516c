import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RestoreResult } from "../../actions/lib/operations/restore/result.ts";
import { defectKinds, SeededChoice } from "../../actions/lib/operations/test-restore/defect/defect.ts";
import { createProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";
import { openRestoreTestLab } from "./restore-test-lab.ts";

/** A way to call out each, as `postgres` may make it; `port` is where a program would knock. */
const ways = (port: number): string => `
  create schema shop;
  create table shop.orders (id int primary key, note text, updated_at timestamptz);
  create table shop.audit (id bigint generated always as identity primary key, what text);
  create table shop.hooks (id int primary key, request bigint default net.http_post('http://127.0.0.1:1/default'));
  create table shop.checked (id int primary key, note text);

  create table shop.silent (id int primary key, note text);
  insert into shop.silent select n, 'row ' || n from generate_series(1, 20) n;

  create function shop.touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
  create trigger a_touch before insert or update on shop.orders for each row execute function shop.touch();
  create function shop.note() returns trigger language plpgsql as $$ begin insert into shop.audit (what) values (tg_op); return new; end $$;
  create trigger b_note after insert on shop.orders for each row execute function shop.note();

  create function shop.direct() returns trigger language plpgsql as $$ begin perform net.http_post(url := 'http://127.0.0.1:1/direct'); return new; end $$;
  create trigger c_direct after insert on shop.orders for each row execute function shop.direct();
  create function shop.send(what text) returns bigint language sql as $$ select net.http_post('http://127.0.0.1:1/' || what) $$;
  create function shop.relay() returns trigger language plpgsql as $$ begin perform shop.send('relay'); return new; end $$;
  create trigger d_relay after insert on shop.orders for each row execute function shop.relay();
  create function shop.quoted() returns trigger language plpgsql as $$ begin perform "net"."http_get"(url := 'http://127.0.0.1:1/quoted'); return new; end $$;
  create trigger e_quoted after insert on shop.orders for each row execute function shop.quoted();
  alter table shop.orders enable always trigger e_quoted;
  create function shop.queued() returns trigger language plpgsql as $$ begin
    insert into net.http_request_queue (method, url, timeout_milliseconds) values ('GET', 'http://127.0.0.1:1/queued', 1); return new; end $$;
  create trigger f_queued after insert on shop.orders for each row execute function shop.queued();
  create function shop.dynamic() returns trigger language plpgsql as $$ begin
    execute 'select ' || 'net.' || 'http_post(''http://127.0.0.1:1/dynamic'')'; return new; end $$;
  create trigger g_dynamic after insert on shop.orders for each row execute function shop.dynamic();
  create function shop.program() returns trigger language plpgsql as $$ begin
    begin copy (select 1) to program 'bash -c "exec 3<>/dev/tcp/127.0.0.1/${port}"'; exception when insufficient_privilege then null; end; return new; end $$;
  create trigger h_program after insert on shop.orders for each row execute function shop.program();
  create trigger i_webhook after insert on shop.orders for each row
    execute function supabase_functions.http_request('http://127.0.0.1:1/webhook', 'POST', '{}', '{}', '1000');
  create rule j_rule as on insert to shop.orders do also select net.http_post('http://127.0.0.1:1/rule');

  create view shop.open_orders as select * from shop.orders;
  create trigger k_view instead of insert on shop.open_orders for each row execute function shop.relay();
  create view shop.old_orders as select * from shop.orders;
  create rule l_view as on insert to shop.old_orders do instead select shop.send('view rule');
  create trigger m_signed_up after insert on auth.users for each row execute function shop.relay();
  create trigger n_uploaded after insert or update on storage.objects for each row execute function shop.relay();

  create function shop.on_ddl() returns event_trigger language plpgsql as $$ begin perform net.http_post('http://127.0.0.1:1/ddl'); end $$;
  create materialized view shop.sent as select shop.send('materialised') as id with no data;
  create materialized view shop.again as select id from shop.sent with no data;
  create function shop.allowed(note text) returns boolean language plpgsql as $$ begin perform shop.send('check'); return true; end $$;
  alter table shop.checked add constraint allowed check (shop.allowed(note));
  create policy sees on shop.checked for select to authenticated using (shop.allowed(note));
  create function shop.always(what text) returns bigint language plpgsql immutable as $$ begin return shop.send(what); end $$;
  create table shop.computed (id int primary key, request bigint generated always as (shop.always('computed')) stored);
  create table shop.parted (id int, note text) partition by list ((shop.always(note)));
  create statistics shop.counted on (shop.always(note)), id from shop.checked;
  insert into shop.checked values (1, 'x'), (2, 'y');
  insert into shop.hooks values (1, 1);
`;

/** What a superuser made, since the lab's postgres may not. */
const superusers = `
  create event trigger o_ddl on ddl_command_end execute function shop.on_ddl();
`;

/** What a project's day would do; each line is a call or more at the source. */
const day = `
  insert into shop.orders (id) values (1);
  insert into shop.open_orders (id) values (2);
  insert into shop.old_orders (id) values (3);
  insert into shop.hooks (id) values (2);
  insert into shop.checked values (3, 'z');
  insert into auth.users (id, email) values (gen_random_uuid(), 'a@example.com');
  insert into storage.buckets (id, name) values ('b', 'b');
  insert into storage.objects (bucket_id, name) values ('b', 'f');
  create table shop.new (id int);
`;

const states = (eventTriggers: boolean): string => `
  select coalesce(json_agg(x order by x), '[]') as states from (
    select format('%s %s', tgrelid::regclass, t.tgname) || ' ' || t.tgenabled::text as x from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where not tgisinternal and (c.relnamespace = 'shop'::regnamespace or tgname ~ '^[mn]_')
    union all select format('%s %s %s', ev_class::regclass, rulename, ev_enabled::text) from pg_rewrite where rulename ~ '^[jl]_'
    union all select format('%s %s', evtname, evtenabled) from pg_event_trigger where evtname ~ '^o_' and ${eventTriggers}
    union all select format('%s %s', relname, relispopulated) from pg_class where relkind = 'm' and relnamespace = 'shop'::regnamespace
    union all select format('held %s', count(*)) from pg_trigger where tgrelid = 'net.http_request_queue'::regclass) s`;

let lab: BackupLab;
let cluster: RunningPostgres;
let source: LabProject;
let listener: Server;
let knocks = 0;

async function ask(url: string, sql: string): Promise<unknown> {
  return withClient(url, async (client) => (await client.query({ text: sql, rowMode: "array" })).rows[0]?.[0]);
}

const waiting = async (url: string) => Number(await ask(url, "select count(*) from net.http_request_queue"));

beforeAll(async () => {
  listener = createServer((socket) => {
    knocks += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => void listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  lab = await openBackupLab(sharedS3());
  source = await createProject(sharedPostgres(17).superuserUrl(), `quiet_${process.pid}`);
  await execute(source.postgresUrl, ways(port));
  await execute(source.superuserUrl, superusers);
  for (const view of ["sent", "again"]) await execute(source.postgresUrl, `refresh materialized view shop.${view}`);
  await backUp(lab, source.backupUrl, { tier: "weekly" });
  cluster = await startPostgres(17);
});
afterAll(async () => {
  listener.close();
  await cluster.stop();
  await lab[Symbol.asyncDispose]();
});

async function restored(kind: "supabase" | "plain"): Promise<{ url: string; by: string; result: RestoreResult }> {
  if (kind === "plain") {
    await execute(cluster.superuserUrl(), "create database plain");
    const url = cluster.superuserUrl("plain");
    return { url, by: url, result: await restoreInto(lab, url) };
  }
  const project = await createProject(cluster.superuserUrl(), "copy");
  return { url: project.superuserUrl, by: project.postgresUrl, result: await restoreInto(lab, project.postgresUrl) };
}

test("the ways do call out at the source", async () => {
  const before = await waiting(source.superuserUrl);
  await execute(source.superuserUrl, day);
  expect((await waiting(source.superuserUrl)) - before).toBeGreaterThanOrEqual(12);
  expect(knocks).toBeGreaterThan(0);
});

test.each(["supabase", "plain"] as const)(
  "a copy with twenty ways to call out makes no call, and one statement each switches them on (%s)",
  async (kind) => {
    knocks = 0;
    const { url, by, result } = await restored(kind);
    expect(told(result, "failed")).toEqual([]);
    expect(result.outcome).toBe("equal");
    expect([await waiting(url), knocks]).toEqual([0, 0]);
    await execute(url, day);
    expect([await waiting(url), knocks]).toEqual([0, 0]);
    // What does not call out works as it did. A view whose rule is left out passes its row on.
    expect(await ask(url, "select count(*) from shop.audit")).toBe("3");
    expect(await ask(url, "select count(*) from shop.orders where updated_at is not null")).toBe("3");
    await execute(url, "drop table shop.new; truncate shop.audit, shop.orders");
    for (const { on } of result.switchedOff) await execute(by, on);
    const event = kind === "plain"; // the lab's postgres may not make any
    expect(await ask(url, states(event))).toEqual(await ask(source.superuserUrl, states(event)));
  },
);

test("a restore test of it makes no call, with a value changed and changed back, and the copy that it keeps makes none", async () => {
  knocks = 0;
  const staging = await createProject(cluster.superuserUrl(), "tested");
  const tests = openRestoreTestLab(lab, staging.postgresUrl);
  tests.policy({
    checks: [{ kind: "sql", name: "reads", query: "select * from shop.checked", expect: { rows: { min: 2 } } }],
  });
  await tests.mark();
  const seed = Array.from({ length: 1000 }, (_, at) => at.toString(16).padStart(8, "0")).find(
    (one) => new SeededChoice(one).shuffled(defectKinds)[0] === "changed value",
  );
  const report = await tests.report({ set: "latest", keepHours: 1, ...(seed === undefined ? {} : { seed }) });
  expect(report.checks.map(({ outcome }) => outcome)).toEqual(["passed"]);
  expect(report.defect).toMatchObject({ kind: "changed value", outcome: "found" });
  expect(report.copy.state).toBe("kept");
  expect([await waiting(staging.superuserUrl), knocks]).toEqual([0, 0]);
  await execute(staging.superuserUrl, day);
  expect([await waiting(staging.superuserUrl), knocks]).toEqual([0, 0]);
});

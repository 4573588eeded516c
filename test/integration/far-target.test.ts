import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { attemptAgain, attemptEach } from "../../actions/lib/operations/target/sessions.ts";
import { askEach, hangUp } from "../../actions/lib/postgres/connect/connect.ts";
import { type FarServer, startFarServer } from "../lab/far-server.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

const superuser = () => sharedPostgres(17).superuserUrl();
const made: string[] = [];
let far: FarServer;

async function project(what: string): Promise<LabProject> {
  const name = `far_${what}_${process.pid}`;
  made.push(name);
  return createProject(superuser(), name);
}

beforeAll(async () => {
  far = await startFarServer(Number(new URL(superuser()).port));
});
afterAll(async () => {
  await far[Symbol.asyncDispose]();
  for (const name of made) await dropProject(superuser(), name);
});

/** So many of each kind of object that a restore makes, gives away, fills and compares. */
const many = (count: number) => `
  create table public.hub (id int primary key);
  insert into public.hub values (1);
  create function public.touch() returns trigger language plpgsql as 'begin return new; end';
  do $$ begin
    for n in 1..${count} loop
      execute format($f$
        create table public.t%1$s (id serial primary key, hub int references public.hub, word text check (word <> 'no'),
          twice int generated always as (hub * 2) stored);
        insert into public.t%1$s (hub, word) values (1, 'yes');
        create index on public.t%1$s (word);
        create trigger touch before update on public.t%1$s for each row execute function public.touch();
        alter table public.t%1$s enable row level security;
        create policy own on public.t%1$s to authenticated using (true);
        revoke select on public.t%1$s from anon;
        grant select (id) on public.t%1$s to anon;
        create view public.v%1$s as select id from public.t%1$s;
        create materialized view public.m%1$s as select id from public.t%1$s;
        create type public.e%1$s as enum ('a', 'b');
      $f$, n);
      execute format('grant select on large object %s to lifeboat_backup', lo_from_bytea(0, 'some bytes'));
    end loop;
  end $$;`;

/** How often a restore has waited for the link, by stage. */
async function waitsOf(count: number): Promise<ReadonlyMap<string, number>> {
  await using lab: BackupLab = await openBackupLab(sharedS3());
  const [source, target] = [await project(`source_${count}`), await project(`target_${count}`)];
  await execute(source.postgresUrl, many(count));
  await backUp(lab, source.backupUrl);
  const url = new URL(target.postgresUrl);
  url.port = String(far.port);
  const waits = new Map<string, number>();
  let [stage, before] = ["before all", far.waits];
  const enter = (next: string) => {
    waits.set(stage, (waits.get(stage) ?? 0) + far.waits - before);
    [stage, before] = [next, far.waits];
  };
  const log: Log = {
    ...silentLog,
    async group(title, work) {
      enter(title);
      return work().finally(() => enter(`after ${title}`));
    },
  };
  const result = await restoreInto(lab, url.href, { log });
  enter("");
  expect(told(result, "failed")).toEqual([]);
  expect(result.outcome).toBe("equal");
  return waits;
}

describe("a restore into a far target", () => {
  test("waits for no round trip per object, large ones included", async () => {
    const [few, more] = [await waitsOf(20), await waitsOf(220)];
    const grown = [...more].map(([stage, waits]): [string, number] => [stage, waits - (few.get(stage) ?? 0)]);
    expect(grown.filter(([, waits]) => waits > 20)).toEqual([]);
  });
});

describe("what is asked together", () => {
  test("is answered in order, and each fails by itself", async () => {
    await withClient(superuser(), async (client) => {
      const numbers = Array.from({ length: 500 }, (_, number) => number);
      const answers = await askEach(client, numbers, async (number) => {
        const answer = client.query<{ it: number }>(`select 1 / ${number % 7 === 3 ? 0 : 1} as one, ${number} as it`);
        return answer.then(({ rows }) => rows[0]?.it).catch(() => "failed");
      });
      expect(answers).toEqual(numbers.map((number) => (number % 7 === 3 ? "failed" : number)));
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      await expect(askEach(client, ["select 1", "select x", "select y"], (sql) => client.query(sql))).rejects.toThrow(
        '"x"',
      );
    });
  });

  test("is done again as long as that gets further, and what never works is told with its reason", async () => {
    const { superuserUrl } = await project("again");
    await withClient(superuserUrl, async (client) => {
      const statements = [
        "create view public.third as select * from public.second",
        "create table public.other (id int, check (id > nothing))",
        "create view public.second as select * from public.first",
        "create table public.first (id int)",
      ];
      const failures = await attemptAgain(client, statements, (statement) => statement);
      expect([...failures.keys()]).toEqual([statements[1]]);
      expect(failures.get(statements[1] ?? "")).toMatch(/^42703/);
      const left = await client.query(
        "select relname as name from pg_class where relnamespace = 'public'::regnamespace",
      );
      expect(left.rows.map(({ name }) => name).sort()).toEqual(["first", "second", "third"]);
    });
  });

  test("ends with the first that finds a lock held, and with the session when that is hung up", async () => {
    const { superuserUrl } = await project("locked");
    await execute(superuserUrl, "create table public.held (id int)");
    await withClient(superuserUrl, async (holder) => {
      await holder.query("begin; lock table public.held");
      const begun = performance.now();
      const locked = withClient(superuserUrl, async (client) => {
        await client.query("set lock_timeout = '500ms'");
        const statements = Array.from({ length: 100 }, (_, at) => `alter table public.held add c${at} int`);
        return attemptEach(client, statements, (statement) => statement);
      });
      await expect(locked).rejects.toMatchObject({ code: "target-locked" });
      const called = withClient(superuserUrl, async (client) => {
        setTimeout(() => hangUp(client), 200);
        return askEach(client, ["select pg_sleep(30)", "select 1"], (statement) => client.query(statement));
      });
      await expect(called).rejects.toThrow(/terminated/);
      expect(performance.now() - begun).toBeLessThan(15_000);
    });
  });
});

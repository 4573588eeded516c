import { readFile } from "node:fs/promises";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareObjects } from "../../actions/lib/compare/objects.ts";
import { inOtherWords } from "../../actions/lib/compare/other-words/other-words.ts";
import { pinStatement } from "../../actions/lib/postgres/connect/connect.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { Platform } from "../../actions/lib/supabase/platform/platform.ts";
import { readCase } from "../lab/cases/read-case.ts";
import { createProject, execute, type LabProject, urlFor, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto } from "./restore-lab.ts";

/** A project whose every definition PostgreSQL prints otherwise after a restore, and a small real change in each. */

const list = "kind in ('day', 'night')";

interface Change {
  /** What has to be named. */
  readonly of: readonly string[];
  /** What the case says, and what is said instead. */
  readonly said: readonly [string, string];
  readonly sql: (said: string) => string;
}

const changes: Record<string, Change> = {
  "a check": {
    of: ["table constraint shifts_begins_check on words.shifts"],
    said: ["23", "22"],
    sql: (n) => `alter table words.shifts drop constraint shifts_begins_check,
        add constraint shifts_begins_check check (begins between 0 and ${n} and begins % 2 = 0)`,
  },
  "an exclusion": {
    of: ["table constraint apart on words.shifts"],
    said: ["30", "31"],
    sql: (n) => `alter table words.shifts drop constraint apart, add constraint apart exclude using gist
        (int4range(begins, case when begins between 2 and 4 and id > 2 then ${n} else 24 end) with &&)
        where (begins between 20 and 22 and ${list})`,
  },
  "a default": {
    of: ["table words.shifts"],
    said: ["('x', 'y')", "('x', 'z')"],
    sql: (n) => `alter table words.shifts alter state
        set default case when 1 between 0 and 2 and 'x'::varchar in ${n} then 'new' else 'old' end`,
  },
  "a generated column": {
    of: ["table words.shifts"],
    said: ["8", "9"],
    sql: (n) => `alter table words.shifts alter length set expression as (case when begins between 2 and 6 and ${list}
        then 'short' when begins between ${n} and 10 and kind <> 'day' then 'odd' else 'long' end)`,
  },
  "a policy": {
    of: ["policy own on words.shifts"],
    said: ["8", "9"],
    sql: (n) => `alter policy own on words.shifts using (begins between 2 and ${n} and ${list} and exists (select
        from words.shifts other where other.begins between 1 and 5 and other.kind in ('day', 'x') and other.id <> shifts.id))`,
  },
  "a policy's subquery": {
    of: ["policy own on words.shifts"],
    said: ["5", "6"],
    sql: (n) => `alter policy own on words.shifts using (begins between 2 and 8 and ${list} and exists (select
        from words.shifts other where other.begins between 1 and ${n} and other.kind in ('day', 'x') and other.id <> shifts.id))`,
  },
  "an index's expression": {
    of: ["index words.few"],
    said: ["id", "begins"],
    sql: (n) => `drop index words.few; create index few on words.shifts ((case when begins between 2 and 8 and
        kind in ('a', 'b') then ${n} else 0 end), lower(kind) varchar_pattern_ops desc) include (state)
        where begins between 2 and 8 and ${list}`,
  },
  "an index's condition": {
    of: ["index words.few"],
    said: ["8", "9"],
    sql: (n) => `drop index words.few; create index few on words.shifts ((case when begins between 2 and 8 and
        kind in ('a', 'b') then id else 0 end), lower(kind) varchar_pattern_ops desc) include (state)
        where begins between 2 and ${n} and ${list}`,
  },
  statistics: {
    of: ["statistics object words.together"],
    said: ["8", "9"],
    sql: (
      n,
    ) => `drop statistics words.together; create statistics words.together on (case when begins between 2 and ${n}
        and kind in ('a', 'b') then 1 else 0 end), lower(kind), id from words.shifts`,
  },
  "a view": {
    of: ["view words.early"],
    said: ["8", "9"],
    sql: (n) => `create or replace view words.early as select id, kind from words.shifts
        where begins between 2 and ${n} and ${list} and (id > 1 or id < 0)`,
  },
  "a view's default": {
    of: ["view words.early"],
    said: ["4", "3"],
    sql: (n) => `alter view words.early alter column kind set default
        case when 5 between ${n} and 6 and 'b'::varchar in ('a', 'b') then 'day' else 'night' end`,
  },
  "a materialised view": {
    of: ["materialized view words.kept"],
    said: ["8", "9"],
    sql: (n) => `drop materialized view words.kept; create materialized view words.kept as
        select id from words.shifts where begins between 2 and ${n} and ${list};
        create unique index kept_id on words.kept (id) where id between 1 and 100 and id <> 50`,
  },
  "a trigger's condition": {
    of: ["trigger noted on words.shifts"],
    said: ["8", "9"],
    sql: (n) => `create or replace trigger noted after update of kind, begins on words.shifts for each row
        when (new.begins between 2 and ${n} and new.${list} and old.* is distinct from new.*)
        execute function words.noted('a) WHEN (b')`,
  },
  "a rule": {
    of: ["rule never on words.early"],
    said: ["6", "7"],
    sql: (n) => `create or replace rule never as on insert to words.early where new.id between 1 and 2 and
        new.kind in ('day', 'x') do instead insert into words.shifts (id, begins, kind)
        select new.id, 2, new.kind where new.id between 5 and ${n} and new.${list}`,
  },
  "a domain's check": {
    of: ["domain constraint hour_check on words.hour"],
    said: ["23", "24"],
    sql: (n) => `alter domain words.hour drop constraint hour_check;
        alter domain words.hour add constraint hour_check check (value between 0 and ${n} and value <> 13)`,
  },
  "a domain's default": {
    of: ["type words.hour"],
    said: ["2", "1"],
    sql: (n) => `alter domain words.hour set default case when 1 between 0 and ${n} and 3 > 2 then 8 else 9 end`,
  },
  "a function's body": {
    of: ["function words.chosen(integer)"],
    said: ["8", "9"],
    sql: (n) => `create or replace function words.chosen(from_hour int default case when 1 between 0 and 2 and
        'x'::varchar in ('x', 'y') then 1 else 2 end) returns setof int stable
        begin atomic select id from words.shifts where begins between from_hour and ${n} and ${list}; end`,
  },
  "an argument's default": {
    of: ["function words.defaulted(character varying)"],
    said: ["5", "4"],
    sql: (n) => `create or replace function words.defaulted(a varchar default case when 3 between 1 and ${n} and
        'q'::varchar in ('q', 'r') then 'q' else 'r' end) returns text language plpgsql as 'begin return a; end'`,
  },
  "a publication's condition": {
    of: ["publication some_shifts"],
    said: ["5", "6"],
    sql: (n) =>
      `alter publication some_shifts set table words.shifts (id, begins) where (id between 1 and ${n} and id <> 3)`,
  },
  "a publication's columns": {
    of: ["publication some_shifts"],
    said: ["begins", "kind"],
    sql: (n) =>
      `alter publication some_shifts set table words.shifts (id, ${n}) where (id between 1 and 5 and id <> 3)`,
  },
  "a partition key": {
    of: ["table words.parted"],
    said: ["10", "11"],
    sql: (n) => `drop table words.parted; create table words.parted (id int not null, kind varchar, at date)
        partition by range ((case when id between 1 and ${n} and kind in ('a', 'b') then 1 else 2 end), at);
        create table words.parted_few partition of words.parted for values from (1, '2024-01-01') to (1, '2025-01-01');
        alter table words.parted_few add check (id between 1 and 10 and kind in ('a', 'b'))`,
  },
  "an inherited check": {
    of: ["table constraint late_check on words.base", "table constraint late_check on words.heir"],
    said: ["9", "10"],
    sql: (n) => `alter table words.base drop constraint late_check,
        add constraint late_check check (late in ('k', 'l') and id between 1 and ${n})`,
  },
};

let lab: BackupLab;
let cluster: RunningPostgres;
let source: LabProject;
let copy: LabProject;
let wanted: Inventory;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  const text = await readFile(new URL("../cases/printed-otherwise.sql", import.meta.url), "utf8");
  source = await createProject(sharedPostgres(17).superuserUrl(), `words_${process.pid}`);
  for (const { sql } of readCase("printed-otherwise", text).steps) await execute(source.postgresUrl, sql);
  await backUp(lab, source.backupUrl);
  cluster = await startPostgres(17);
  copy = await createProject(cluster.superuserUrl(), "copy");
  await restoreInto(lab, copy.postgresUrl);
  wanted = await pinned(source.postgresUrl, readInventory);
});
afterAll(async () => {
  await cluster?.stop();
  await lab?.[Symbol.asyncDispose]();
});

async function pinned<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  return withClient(url, async (client) => {
    const pins = pinStatement(10);
    await client.query(pins.text, [...pins.values]);
    return work(client);
  });
}

const words = async (client: Client) => inOtherWords(client, wanted, await readInventory(client));

/** `kind identity: verdict` of every difference between the source and what the session sees. */
async function differences(client: Client): Promise<string[]> {
  const target = await readInventory(client);
  const none = new Map<string, string>();
  return compareObjects(wanted, target, {
    ...{ failures: none, deliberate: none, extensionSchemas: none },
    platform: (await Platform.read(client, target)).against(wanted),
    makers: new Set(),
    words: await inOtherWords(client, wanted, target),
    unavailableExtensions: new Set(),
  })
    .filter(({ verdict }) => verdict !== "expected")
    .map(({ kind, identity, verdict }) => `${kind} ${identity}: ${verdict}`);
}

test("a restored copy is equal although PostgreSQL prints its definitions otherwise", async () => {
  const here = await pinned(copy.postgresUrl, readInventory);
  const text = new Map(here.objects.map(({ kind, identity, definition }) => [`${kind} ${identity}`, definition]));
  const otherwise = wanted.objects
    .map(({ kind, identity, definition }) => ({ key: `${kind} ${identity}`, definition }))
    .filter(({ key, definition }) => text.get(key) !== definition);
  const kinds = new Set(otherwise.map(({ key }) => key));
  expect(
    Object.values(changes)
      .flatMap(({ of }) => of)
      .filter((key) => !kinds.has(key)),
  ).toEqual([]);
  expect(await pinned(copy.postgresUrl, differences)).toEqual([]);
});

describe.each(Object.entries(changes))("%s, changed in the copy,", (_, { of, said: [was, now], sql }) => {
  test("is found, alone, and no more once it is as it was", async () => {
    await execute(copy.postgresUrl, sql(now));
    expect(await pinned(copy.postgresUrl, differences)).toEqual(of.map((key) => `${key}: failed`));
    await execute(copy.postgresUrl, sql(was));
    expect(await pinned(copy.postgresUrl, differences)).toEqual([]);
  });
});

test("an extension in another schema is one difference, with the command that moves it, and no other version", async () => {
  await execute(copy.superuserUrl, 'alter extension "uuid-ossp" set schema public');
  expect(await pinned(copy.postgresUrl, differences)).toEqual(['extension "uuid-ossp": failed']);
  await execute(copy.superuserUrl, 'alter extension "uuid-ossp" set schema extensions');
  expect(await pinned(copy.postgresUrl, differences)).toEqual([]);
});

describe("definitions are tried in a transaction that is rolled back, and", () => {
  test("a role that only reads may do so", async () => {
    await execute(
      copy.superuserUrl,
      `create role reader login password 'lab' bypassrls; grant pg_read_all_data to reader;
       alter role reader set default_transaction_read_only = on`,
    );
    expect(await pinned(urlFor(copy.postgresUrl, { user: "reader" }), differences)).toEqual([]);
  });

  test("no event trigger of the user's fires: where it would, nothing is tried or called equal", async () => {
    await execute(
      copy.superuserUrl,
      `create sequence public.fired; create function public.fire() returns event_trigger language plpgsql security definer
         as $$ begin perform nextval('public.fired'); end $$;
       alter function public.fire() owner to postgres; alter sequence public.fired owner to postgres;
       create event trigger fire on ddl_command_end execute function public.fire()`,
    );
    expect((await pinned(copy.postgresUrl, words)).untold.size).toBe(0);
    const reader = urlFor(copy.postgresUrl, { user: "reader" });
    const { same, untold } = await pinned(reader, words);
    expect(untold).toContain("view words.with_list");
    expect(same).not.toContain("view words.with_list");
    expect(await pinned(reader, differences)).toContain("view words.with_list: unverified");
    const { rows } = await withClient(copy.superuserUrl, (client) =>
      client.query("select is_called from public.fired"),
    );
    expect(rows).toEqual([{ is_called: false }]);
  });
});

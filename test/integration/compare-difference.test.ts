import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Difference, differingKeys, goodRows, liveRows } from "../../actions/lib/operations/compare/difference.ts";

import type { GoodSide } from "../../actions/lib/operations/compare/good-side.ts";
import { parseTable } from "../../actions/lib/operations/compare/live-table.ts";
import { prepareDifference } from "../../actions/lib/operations/compare/prepare-difference.ts";
import { pinStatement } from "../../actions/lib/postgres/connect/connect.ts";
import { execute } from "../lab/index.ts";
import { type SharedPostgres, sharedPostgres } from "../lab/servers/started.ts";
import { keptSide } from "./compare-side.ts";

const nasty = String.raw`
create function nasty(seed int) returns text language sql immutable as $$
  select coalesce(string_agg((array['"', '\\', '\N', '\.', ',', '(', ')', '{', ' ', '', 'a', 'NULL', 'é', '😀', chr(1), chr(9), chr(10), chr(13), chr(8232)])
    [1 + abs(hashint4(seed * 13 + piece)) % 19], '' order by piece), '') from generate_series(1, abs(hashint4(seed)) % 9) piece $$;
create type pair as (a text, b int);
create domain short as text check (length(value) < 1000);
`;

/** A table, how rows get into it, and what happens to it; \`key\` as an inventory knows it. */
interface Scene {
  readonly table: string;
  readonly make: string;
  readonly pieces?: readonly string[];
  readonly key: readonly string[] | null;
  readonly happens: string;
}

const scenes: readonly Scene[] = [
  {
    table: "public.plain",
    make: "create table plain (id int primary key, a text, b numeric, c json); insert into plain select i, nasty(i), i / 7.0, json_build_object('k', nasty(i)) from generate_series(1, 3000) i",
    key: ["id"],
    happens:
      "update plain set a = a || 'x' where id % 7 = 0; delete from plain where id % 11 = 0; insert into plain select i, nasty(i) from generate_series(5000, 5050) i; update plain set a = a",
  },
  {
    table: "public.composite",
    make: `create table composite ("b ""x" text, a pair, c short, d timestamptz, e int[], primary key (d, "b ""x"));
      insert into composite select nasty(i) || i, row(nasty(i), i)::pair, left(nasty(i), 30), now() + i * interval '1 s', array[i, null] from generate_series(1, 2000) i`,
    key: ["d", 'b "x'],
    happens: `update composite set a = row('new', 1)::pair where (a).b % 5 = 0; update composite set e = array_remove(e, null) where (a).b % 7 = 0;
      update composite set "b ""x" = "b ""x" || 'moved' where (a).b % 13 = 0; delete from composite where (a).b % 17 = 0`,
  },
  {
    table: "public.bare",
    make: "create table bare (a text, b int, c json); insert into bare select nasty(i % 50), i % 3, to_json(i % 4) from generate_series(1, 3000) i",
    key: null,
    happens:
      "delete from bare where ctid in (select ctid from bare limit 100); insert into bare select nasty(i % 60), 1, '1' from generate_series(1, 500) i; update bare set c = '9' where a = nasty(3)",
  },
  {
    table: "public.parted",
    make: `create table parted (id int, day date, v text, primary key (day, id)) partition by range (day);
      create table parted_a partition of parted for values from ('2026-01-01') to ('2026-02-01');
      create table parted_b (v text, gone int, day date not null, id int not null);
      alter table parted_b drop column gone; alter table parted attach partition parted_b for values from ('2026-02-01') to ('2026-03-01');
      insert into parted select i, date '2026-01-01' + i % 59, nasty(i) from generate_series(1, 3000) i`,
    pieces: ["public.parted_a", "public.parted_b"],
    key: null,
    happens:
      "update parted set day = day + 20 where id % 9 = 0 and day < '2026-02-01'; update parted set v = upper(v) where id % 4 = 0; delete from parted where id % 23 = 0",
  },
  {
    table: "public.parent",
    make: `create table parent (id int primary key, v text); create table child (extra int) inherits (parent);
      insert into parent select i, nasty(i) from generate_series(1, 1000) i; insert into child select i, nasty(i), 1 from generate_series(2000, 2500) i`,
    key: ["id"],
    happens:
      "update parent set v = 'x' where id % 3 = 0; delete from only parent where id % 5 = 0; delete from child where id % 5 = 0",
  },
  {
    table: "public.reformed",
    make: "create table reformed (id int primary key, gone text, price numeric(10,2), n int, flag text, twice int generated always as (n * 2) stored); insert into reformed select i, 'g', i, i, 'f' from generate_series(1, 500) i",
    key: ["id"],
    happens: `alter table reformed drop column gone; alter table reformed add column came text default 'c';
      alter table reformed alter column id type bigint; alter table reformed alter column price type numeric(12,4); alter table reformed alter column flag type int using 1;
      update reformed set price = 0 where id % 50 = 0; update reformed set flag = 2`,
  },
  {
    table: 'public."Odd . ""name"',
    make: `create table "Odd . ""name" ("id" int primary key, "lifeboat_hash" text, "COPY" text); insert into "Odd . ""name" select i, nasty(i), nasty(i + 1) from generate_series(1, 500) i`,
    key: ["id"],
    happens: `update "Odd . ""name" set "lifeboat_hash" = 'y' where id < 10; delete from "Odd . ""name" where id > 490`,
  },
  {
    table: "public.loose",
    make: "create table loose (id int primary key, v text); insert into loose select i, nasty(i) from generate_series(1, 400) i",
    key: ["id"],
    happens:
      "alter table loose drop constraint loose_pkey; insert into loose select * from loose where id % 10 = 0; update loose set v = 'z' where id = 7",
  },
  {
    table: "public.idle",
    make: "create table idle (id int primary key, v text); insert into idle select i, nasty(i) from generate_series(1, 400) i",
    key: ["id"],
    happens: "update idle set v = v",
  },
  {
    table: "public.empty",
    make: "create table empty (id int primary key)",
    key: ["id"],
    happens: "insert into empty values (1)",
  },
];

describe.each([15, 17] as const)("with PostgreSQL %i", (major) => {
  const database = `compare_${randomBytes(4).toString("hex")}`;
  let server: SharedPostgres;
  let client: pg.Client;
  const sides = new Map<string, GoodSide>();

  beforeAll(async () => {
    server = sharedPostgres(major);
    await execute(server.superuserUrl(), `create database ${database} template template0`);
    client = new pg.Client({ connectionString: server.superuserUrl(database) });
    await client.connect();
    await client.query(nasty);
    for (const { table, make, pieces, key, happens } of scenes) {
      await client.query(make);
      await client.query(`create table ${copyOf(table)} as select * from ${pieces ? "" : "only"} ${table}`);
      const { text, values } = pinStatement(5);
      await client.query(text, [...values]);
      sides.set(table, await keptSide(client, pieces ?? [table], key));
      await client.query("set search_path = public, pg_catalog");
      await client.query(happens);
    }
    const { text, values } = pinStatement(5);
    await client.query(text, [...values]);
  });

  afterAll(async () => {
    await client?.end();
    await execute(server.superuserUrl(), `drop database if exists ${database} with (force)`);
  });

  const copyOf = (table: string): string => `public."before ${parseTable(table).name.replaceAll('"', '""')}"`;

  async function compare(table: string, more: { where?: string; good?: GoodSide } = {}): Promise<Difference> {
    const good = more.good ?? sides.get(table);
    if (good === undefined) throw new Error(`no side of ${table}`);
    return prepareDifference(client, { table: parseTable(table), good, mostBytes: 1e9, ...more });
  }

  test.each(scenes)("what differs in $table is what plain SQL says", async ({ table, pieces }) => {
    try {
      const found = await compare(table);
      const only = pieces ? "" : "only";
      const quoted = (columns: readonly string[]) => columns.map((one) => pg.escapeIdentifier(one)).join(", ");
      const text = (alias: string, columns: readonly string[]) =>
        `row(${columns.map((one) => `${alias}.${pg.escapeIdentifier(one)}`).join(", ")})::text collate "C"`;
      // The same columns under the same types, by plain means: nothing of ours is asked.
      const casts = found.table.columns
        .filter(({ name }) => found.match.both.includes(name))
        .map(({ name, type }) => `${pg.escapeIdentifier(name)}::${type} as ${pg.escapeIdentifier(name)}`)
        .join(", ");
      const good = `(select ${casts} from ${copyOf(table)}) g`;
      const live = `(select ${quoted(found.match.both)} from ${only} ${table}) l`;
      const { both } = found.match;
      const { key } = found;
      const sql =
        key === null
          ? `select coalesce(sum(n) filter (where n > 0), 0)::int as missing, coalesce(-sum(n) filter (where n < 0), 0)::int as added, 0 as changed
               from (select sum(n) as n from (select ${text("g", both)} as t, 1 as n from ${good} union all select ${text("l", both)}, -1 from ${live}) u group by t) s`
          : `select count(*) filter (where l.t is null)::int as missing, count(*) filter (where g.t is null)::int as added, count(*) filter (where g.t <> l.t)::int as changed
               from (select ${text("g", key)} as k, ${text("g", both)} as t from ${good}) g
               full join (select ${text("l", key)} as k, ${text("l", both)} as t from ${live}) l on l.k = g.k`;
      const wanted = await client.query(sql);
      const { equal, ...counts } = found.counts;
      expect(counts).toEqual(wanted.rows[0]);
      const all = await client.query<{ rows: number }>(`select count(*)::int as rows from ${only} ${table}`);
      expect(equal + counts.added + counts.changed).toBe(all.rows[0]?.rows);
      // The temporary tables hold the rows of the differing keys and no others.
      for (const side of [goodRows, liveRows]) {
        const others = await client.query<{ many: number }>(
          `select count(*)::int as many from ${side} s where not exists (select from ${differingKeys} k where k.hash = ${found.hash("s")})`,
        );
        expect(others.rows[0]?.many, side).toBe(0);
      }
      await expect(client.query("create table public.not_allowed ()")).rejects.toMatchObject({ code: "25006" });
    } finally {
      await client.query("rollback");
    }
  });

  /** Another session, as nobody special or under other settings. */
  async function other(set: string): Promise<pg.Client> {
    const one = new pg.Client({ connectionString: server.superuserUrl(database) });
    await one.connect();
    const { text, values } = pinStatement(0.3);
    await one.query(text, [...values]);
    await one.query(set);
    return one;
  }

  const idle = { table: { schema: "public", name: "idle" }, mostBytes: 1e9 };
  const idleSide = (): GoodSide => sides.get("public.idle") as GoodSide;

  test.each([
    ["a database that takes no writes, as a replica", "set default_transaction_read_only = on", "target-replica"],
    ["a role that may not read the table", "set role pg_monitor", "target-denied"],
  ])("%s is refused before anything is read", async (_name, set, code) => {
    await using closing = new AsyncDisposableStack();
    const session = closing.adopt(await other(set), (one) => one.end());
    await expect(prepareDifference(session, { ...idle, good: idleSide() })).rejects.toMatchObject({ code });
  });

  test("a table that somebody holds exclusively is waited for no longer than the session may", async () => {
    await using closing = new AsyncDisposableStack();
    const holder = closing.adopt(await other("begin; lock table public.idle"), (one) => one.end());
    const session = closing.adopt(await other("select"), (one) => one.end());
    await expect(prepareDifference(session, { ...idle, good: idleSide() })).rejects.toMatchObject({
      code: "table-locked",
    });
    await holder.query("rollback");
  });

  test("a table keeps its form while it is compared, and rows that are written meanwhile are of another moment", async () => {
    await using closing = new AsyncDisposableStack();
    const writer = closing.adopt(await other("select"), (one) => one.end());
    const refused: unknown[] = [];
    const good: GoodSide = {
      ...idleSide(),
      pieces: idleSide().pieces.map((piece) => ({
        columns: piece.columns,
        async *chunks(keyed) {
          // The comparison has begun: its snapshot is there.
          await writer.query("alter table public.idle add column late int").catch((error) => refused.push(error.code));
          yield* piece.chunks(keyed);
        },
      })),
    };
    try {
      const found = await prepareDifference(client, { ...idle, good });
      await writer.query("update public.idle set v = 'meanwhile' where id = 1");
      expect(refused).toEqual(["55P03"]);
      expect(found.counts).toMatchObject({ missing: 0, changed: 0, added: 0 });
    } finally {
      await client.query("rollback");
    }
  });

  test("a key that is not unique any more is said, and rows are compared as wholes", async () => {
    try {
      const { key, keyless } = await compare("public.loose");
      expect(key).toBe(null);
      expect(keyless).toContain("id");
    } finally {
      await client.query("rollback");
    }
  });
});

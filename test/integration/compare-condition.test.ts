import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GoodSide } from "../../actions/lib/operations/compare/good-side.ts";
import { prepareDifference } from "../../actions/lib/operations/compare/prepare-difference.ts";
import { pinStatement } from "../../actions/lib/postgres/connect/connect.ts";
import { execute } from "../lab/index.ts";
import { type SharedPostgres, sharedPostgres } from "../lab/servers/started.ts";
import { keptSide } from "./compare-side.ts";

/** Whatever runs of the hostile things notes it, and would be seen after a commit of its own. */
const hostile = `
  create table public.noted (what text);
  create sequence public.counter;
  create function public.note(what text) returns boolean language plpgsql stable as $$ begin perform nextval('public.counter'); return true; end $$;
  create function public.note_int(value int) returns boolean language plpgsql immutable as $$ begin perform nextval('public.counter'); return true; end $$;
  create operator public.=== (leftarg = int, rightarg = int, function = public.equal_by_hand);
  create domain public.trap as text check (public.note(value));
  create type public.holder as (inside public.trap);
  create type public.mood as enum ('sad', 'glad');
  create table public.things (id int primary key, price numeric, title text, flags boolean[], mood public.mood, odd public.holder,
    data jsonb, "Odd ""name" text, made timestamptz);
  insert into public.things (id, price, title, flags, mood, data, "Odd ""name", made)
    select i, i % 5, 'title ' || i, array[i % 2 = 0], 'sad', jsonb_build_object('a', i), 'x', '2026-01-01'::timestamptz + i * interval '1 day'
      from generate_series(1, 100) i`;
const before =
  "create function public.equal_by_hand(a int, b int) returns boolean language plpgsql immutable as $$ begin perform nextval('public.counter'); return true; end $$;";

const refused: readonly (readonly [why: string, where: string])[] = [
  ["nothing", "  "],
  ["a statement behind it", "true); delete from public.things; select (true"],
  ["a semicolon", "true;"],
  ["a parenthesis that it has not opened", "price = 0) or (true"],
  ["a parenthesis that it does not close", "(price = 0"],
  ["a comment that hides the rest", "price = 0 -- "],
  ["a comment inside", "price /* */ = 0"],
  ["a text that does not end", "title = 'x"],
  ["a name that does not end", 'title = "x'],
  ["a text in dollars that does not end", "title = $a$x"],
  ["a zero byte", "price = 0\0"],
  ["a query", "exists (select from public.noted)"],
  ["a query of pg_catalog alone", "id = (select count(*) from pg_catalog.pg_class)"],
  ["a query in an array", "id = any (array(select 1))"],
  ["a set operation", "true union select true"],
  ["an order", "true order by 1"],
  ["a limit", "true limit 1"],
  ["a group", "true group by id having true"],
  ["somebody's function", "public.note('x')"],
  ["somebody's function by the table's own schema", "things.note_int(id)"],
  ["somebody's operator", "id operator(public.===) 1"],
  ["a domain that calls a function", "'x'::public.trap is not null"],
  ["a composite of such a domain", "'(x)'::public.holder is not null"],
  ["somebody's type", "mood = 'sad'::public.mood"],
  ["a sequence", "nextval('public.counter') > 0"],
  ["a setting that is changed", "set_config('role', 'none', false) = 'none'"],
  ["sleep", "pg_sleep(100) is null"],
  ["a lock", "pg_advisory_lock(1) is null"],
  ["ending of another session", "pg_terminate_backend(1)"],
  ["chance", "random() < 0.5"],
  ["a clock that goes on", "clock_timestamp() > made"],
  ["a file of the server", "pg_read_file('/etc/passwd') is null"],
  ["a query in a text", "query_to_xml('select 1', true, true, '') is null"],
  ["another table as XML", "table_to_xml('public.noted', true, true, '') is null"],
  ["a large object", "lo_get(1) is null"],
  ["an import of a file", "lo_import('/etc/passwd') = 0"],
  ["a cast by I/O of a function's name", "pg_get_functiondef('public.note'::regproc) is null"],
  ["an aggregate", "count(*) > 0"],
  ["a window", "row_number() over () = 1"],
  ["a set of rows", "generate_series(1, 2) = 1"],
  ["what is no condition", "price"],
  ["several expressions", "price = 0, true"],
  ["a column that is not there", "prise = 0"],
  ["a parameter", "id = $1"],
  ["another schema's column", "public.things.id = 1"],
  ["a cursor", "id = 1 and current of c"],
];

const accepted: readonly (readonly [what: string, where: string, rows: number])[] = [
  ["a comparison", "price = 0", 20],
  ["and, or, not", "price = 0 and not (id > 50) or id = 99", 11],
  ["a list", "id in (1, 2, 3)", 3],
  ["a text with what looks like SQL", "title = 'title 1'';' or title = 'x); delete -- /* ' or id = 7", 1],
  ["a name in quotes", `"Odd ""name" = 'x' and id < 4`, 3],
  ["a pattern", "title like '%7' and title ~ '^title'", 10],
  ["null", "odd is null and price is not null", 100],
  ["case", "case when id < 3 then true else false end", 2],
  [
    "functions that compute",
    "lower(title) = 'title 5' or abs(id) = 6 or coalesce(price, 0) < -1 or length(title) > 100",
    2,
  ],
  ["a cast to a built-in type", "id::text = '12' or price::int = 99", 1],
  ["a built-in type by its schema", "id = '3'::pg_catalog.int4", 1],
  ["JSON", "data->>'a' = '5' or (data->'a')::int = 6", 2],
  ["an array", "flags[1] and id <= 10", 5],
  ["an enum", "mood = 'sad' and id = 1", 1],
  ["the time at which it began", "made < now() and id = 1 and made between '2026-01-01' and current_timestamp", 1],
];

describe.each([15, 17] as const)("a condition with PostgreSQL %i", (major) => {
  const database = `condition_${randomBytes(4).toString("hex")}`;
  let server: SharedPostgres;
  let client: pg.Client;
  let good: GoodSide;

  beforeAll(async () => {
    server = sharedPostgres(major);
    await execute(server.superuserUrl(), `create database ${database} template template0`);
    client = new pg.Client({ connectionString: server.superuserUrl(database) });
    await client.connect();
    await client.query(before + hostile);
    const { text, values } = pinStatement(5);
    await client.query(text, [...values]);
    good = await keptSide(client, ["public.things"], ["id"]);
    await client.query("update public.things set title = 'changed' where id = 1000");
  });
  afterAll(async () => {
    await client?.end();
    await execute(server.superuserUrl(), `drop database if exists ${database} with (force)`);
  });

  async function choose(where: string): Promise<number | undefined> {
    const table = { schema: "public", name: "things" };
    try {
      return (await prepareDifference(client, { table, good, where, mostBytes: 1e9 })).chosen;
    } finally {
      await client.query("rollback");
    }
  }

  test.each(refused)("that holds %s is refused, and nothing of it has run", async (_why, where) => {
    await expect(choose(where)).rejects.toMatchObject({ code: "where-refused" });
    const counter = await client.query("select is_called from public.counter");
    expect(counter.rows).toEqual([{ is_called: false }]);
    const rows = await client.query("select count(*)::int as many from public.things");
    expect(rows.rows).toEqual([{ many: 100 }]);
  });

  test.each(accepted)("may be %s", async (_what, where, rows) => {
    expect(await choose(where)).toBe(rows);
  });

  test("that cannot be computed for a row says so, and quotes no value", async () => {
    await expect(choose("1 / (id - 50) > 0")).rejects.toMatchObject({ code: "where-refused" });
    const error: unknown = await choose("title::int = 1").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "where-refused" });
    expect(String(error)).not.toContain("title 1");
  });
});

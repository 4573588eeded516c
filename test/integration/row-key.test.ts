import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pinOptions } from "../../actions/lib/postgres/connect/connect.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { createProject, dropProject, type LabProject } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

/** What makes a table in schema `keyed`, and the key that tells its rows apart. */
const tables: Readonly<Record<string, readonly [string, readonly string[] | null]>> = {
  by_primary_key: ["(a int unique not null, b int primary key)", ["b"]],
  in_the_keys_order: ["(a int, b int, c int, primary key (c, a))", ["c", "a"]],
  put_off_to_the_commit: ["(a int primary key deferrable initially deferred, b int unique not null)", ["a"]],
  by_the_narrowest: ["(a int not null, b int not null, c int not null, unique (a, b), unique (c))", ["c"]],
  by_the_first_name: [
    "(a int not null, b int not null, constraint later unique (a), constraint earlier unique (b))",
    ["b"],
  ],
  carrying_others: ["(a int not null, b int, unique (a) include (b))", ["a"]],
  perhaps_null: ["(a int unique, b int not null)", null],
  unique_only_at_the_commit: ["(a int not null unique deferrable)", null],
  unique_in_part: ["(a int not null); create unique index on keyed.unique_in_part (a) where a > 0", null],
  unique_by_an_expression: ["(a text not null); create unique index on keyed.unique_by_an_expression (lower(a))", null],
  generated_key: ["(a int, b int generated always as (a) stored primary key, c int not null unique)", ["c"]],
  only_generated: ["(a int, b int generated always as (a) stored primary key)", null],
  excluding: ["(a int4range not null, exclude using gist (a with &&))", null],
  without: ["(a int)", null],
  with_odd_names: ['("a, b" int, "Ü""" int, primary key ("Ü""", "a, b"))', ['Ü"', "a, b"]],
  with_a_dropped_column: [
    "(gone int, a int, b int primary key); alter table keyed.with_a_dropped_column drop gone",
    ["b"],
  ],
  leaf: ["partition of keyed.root for values in (1)", ["part", "id"]],
  heir: ["() inherits (keyed.by_primary_key)", null],
};

describe.each([15, 17] as const)("keys of tables, PostgreSQL %i", (major) => {
  const name = `row_key_${major}_${process.pid}`;
  let project: LabProject;
  const found = new Map<string, readonly string[] | null | undefined>();

  beforeAll(async () => {
    const server = sharedPostgres(major);
    project = await createProject(server.superuserUrl(), name);
    const client = new pg.Client({ connectionString: project.superuserUrl, options: pinOptions() });
    await client.connect();
    try {
      await client.query(
        "create schema keyed; create table keyed.root (id int, part int, primary key (part, id)) partition by list (part)",
      );
      for (const [table, [rest]] of Object.entries(tables)) await client.query(`create table keyed.${table} ${rest}`);
      for (const one of (await readInventory(client)).tables) {
        if (one.schema === "keyed") found.set(one.name, one.key);
      }
    } finally {
      await client.end();
    }
  });
  afterAll(() => dropProject(sharedPostgres(major).superuserUrl(), name));

  test.each(Object.entries(tables))(
    "%s: the key is the one by which its rows can be told apart at any time",
    (table, [, key]) => {
      expect(found.get(table)).toEqual(key);
    },
  );
});

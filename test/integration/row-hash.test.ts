import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wholeOf } from "../../actions/lib/base/flow/chunks.ts";
import { pinStatement } from "../../actions/lib/postgres/connect/connect.ts";
import { createLargeObjectHasher } from "../../actions/lib/postgres/row-hash/large-object.ts";
import { createPairHasher, hashOfValues } from "../../actions/lib/postgres/row-hash/pair-hash.ts";
import { createRowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";
import { fingerprintLargeObjects, fingerprintTable } from "../../actions/lib/postgres/rows/fingerprint.ts";
import { largeObjectsSql, readLargeObjectsSql } from "../../actions/lib/postgres/rows/large-objects.ts";
import { execute } from "../lab/index.ts";
import { type SharedPostgres, sharedPostgres } from "../lab/servers/started.ts";
import { pieces } from "../unit/archive-writer.ts";

/** A text of up to 12 pieces, most of them such as COPY or record_out have a rule for. */
const nastyTexts = String.raw`
create function nasty(seed int) returns text language sql immutable as $$
  select coalesce(string_agg((array[
    '"', '\\', '\\N', '\\.', ',', '(', ')', '{', '}', '[', ']', '''', ' ', '', 'a', 'NULL', 'N', 'x41', '101', 'é', 'ا', '😀',
    chr(1), chr(8), chr(9), chr(10), chr(11), chr(12), chr(13), chr(127), chr(133), chr(160), chr(8199), chr(8232), chr(65279)
  ])[1 + abs(hashint4(seed * 13 + piece)) % 35], '' order by piece), '')
  from generate_series(1, abs(hashint4(seed)) % 13) piece $$;
create type mood as enum ('sad', 'so, so', 'he said "ok"', '');
create domain short as text check (length(value) < 1000);
create type pair as (a text, b int);
create type nested as (p pair, list text[], d short);
`;

interface Table {
  readonly name: string;
  readonly columns: string;
  /** What goes into the table's columns for row `i`. */
  readonly values: string;
  readonly where?: string;
}

const tables: readonly Table[] = [
  {
    name: "texts",
    columns: "a text, b varchar, c char(7), d name",
    values: "nasty(i), nasty(i + 1), left(nasty(i + 2), 3), left(nasty(i + 3), 9)",
  },
  { name: "one_column", columns: "a text", values: "case when i % 9 > 0 then nasty(i) end" },
  { name: "nulls", columns: "a text, b int, c text", values: "nullif(nasty(i), ''), nullif(i % 3, 0), null" },
  { name: "bytes", columns: "a bytea, b varbit", values: "decode(md5(i::text), 'hex'), i::bit(32)::varbit" },
  {
    name: "arrays",
    columns: "a text[], b int[], c text[][]",
    values: "array[nasty(i), null, ''], array[i, null], array[[nasty(i)], [nasty(-i)]]",
  },
  {
    name: "ranges",
    columns: "a int4range, b tstzrange, c int8multirange",
    values: "int4range(i, i + 5), tstzrange(now() - i * interval '1 day', null), '{[1,3),[5,9]}'",
  },
  {
    name: "numbers",
    columns: "a numeric, b float8, c float4, d bigint, e money, f numeric",
    values: `i / 7.0, i / 7.0::float8, 'NaN', -i::bigint << 40, i,
      case i % 3 when 0 then 'Infinity' when 1 then 1.0 else 1.00 end::numeric`,
  },
  {
    name: "times",
    columns: "a timestamptz, b date, c interval, d timetz, e timestamp",
    values: `case when i % 10 = 0 then 'infinity' else now() + i * interval '1 hour' end, date '2026-01-01' - i,
      i * interval '1 day 2 hours', now()::timetz, '-infinity'`,
  },
  {
    name: "documents",
    columns: "a json, b jsonb, c xml",
    values: `json_build_object('k "', nasty(i)), jsonb_build_object(nasty(i), array[nasty(i), E'\\n']), '<x a="&lt;">é</x>'`,
  },
  {
    name: "composites",
    columns: "a pair, b nested, c pair[]",
    values: `case when i % 5 = 0 then row(null, null)::pair else row(nasty(i), i)::pair end, row(row(nasty(i), null), array[nasty(i)], left(nasty(-i), 20))::nested,
      array[row(nasty(i), i)::pair]`,
  },
  {
    name: "kinds",
    columns: "a mood, b short, c boolean, d uuid, e inet, f point, g tsvector",
    values: `(enum_range(null::mood))[1 + i % 4], left(nasty(i), 30), i % 2 = 0, md5(i::text)::uuid, '10.0.0.1/8',
      point(i, -i), to_tsvector('simple', 'a b''c ' || i)`,
  },
  { name: 'Odd " name, é', columns: '"col "" 1" text, "COPY" text', values: "nasty(i), nasty(i * 31)" },
  { name: "generated", columns: "a text, c int, b text generated always as (a || 'x') stored", values: "nasty(i), i" },
  { name: "empty", columns: "a text", values: "nasty(i)", where: "false" },
  {
    name: "many_columns",
    columns: Array.from({ length: 120 }, (_, at) => `c${at} ${at % 2 === 0 ? "int" : "text"}`).join(", "),
    values: Array.from({ length: 120 }, (_, at) =>
      at % 2 === 0 ? `nullif(i % ${at + 2}, 0)` : `nullif(nasty(i + ${at}), '')`,
    ).join(", "),
    where: "i < 20",
  },
  { name: "wide", columns: "a text, b text", values: "repeat(nasty(i), 20000), nasty(i)", where: "i < 20" },
];

describe.each([15, 17] as const)("with PostgreSQL %i", (major) => {
  const database = `row_hash_${randomBytes(4).toString("hex")}`;
  let server: SharedPostgres;
  let client: pg.Client;

  beforeAll(async () => {
    server = sharedPostgres(major);
    await execute(server.superuserUrl(), `create database ${database} template template0`);
    client = new pg.Client({ connectionString: server.superuserUrl(database) });
    await client.connect();
    await client.query(nastyTexts);
    for (const { name, columns, values, where = "true" } of tables) {
      const table = pg.escapeIdentifier(name);
      await client.query(`create table ${table} (${columns})`);
      await client.query(`insert into ${table} select ${values} from generate_series(1, 2000) i where ${where}`);
    }
    await client.query(
      "alter table texts drop column b; create table no_columns (); insert into no_columns default values",
    );
    await client.query(
      "select lo_create(1), lo_from_bytea(2, 'small'), lo_from_bytea(4000000000, decode(repeat('00ff5c2e0a', 500000), 'hex'))",
    );
    const { text, values } = pinStatement(1);
    await client.query(text, [...values]);
  });

  afterAll(async () => {
    await client?.end();
    await execute(server.superuserUrl(), `drop database if exists ${database} with (force)`);
  });

  test("the fingerprint computed from COPY's text is the one that the database computes", async () => {
    for (const [name, columns] of await storedColumnsOfAll()) {
      const hasher = createRowHasher(columns.length);
      const list = columns.length === 0 ? "" : ` (${columns.map(pg.escapeIdentifier).join(", ")})`;
      const stream = client.query(copyTo(`copy public.${pg.escapeIdentifier(name)}${list} to stdout`));
      for await (const chunk of stream) hasher.push(chunk as Uint8Array);
      const wanted = await fingerprintTable(client, { schema: "public", name, columns, filter: null });
      expect(hasher.finish(), name).toEqual(wanted);
    }
  });

  test("the hashes of each row and of its key are those that the database computes, whatever the key's types", async () => {
    for (const [name, columns] of await storedColumnsOfAll()) {
      const table = `public.${pg.escapeIdentifier(name)}`;
      const list = columns.length === 0 ? "" : ` (${columns.map(pg.escapeIdentifier).join(", ")})`;
      const places = columns.map((_, place) => place);
      for (const key of [
        null,
        ...(columns.length === 0 ? [] : [places.slice(-32).toReversed()]),
        ...places.slice(0, 9).map((one) => [one]),
      ]) {
        const found: string[] = [];
        const pairs = (some: BigInt64Array): void => void found.push(...Array.from(some, String));
        const hasher = createPairHasher(columns.length, undefined, { key, pairs });
        for await (const chunk of client.query(copyTo(`copy ${table}${list} to stdout`)))
          hasher.push(chunk as Uint8Array);
        hasher.finish();
        const quoted = columns.map(pg.escapeIdentifier);
        const keyHash = hashOfValues(key?.map((place) => quoted[place] ?? "") ?? quoted);
        const answer = await client.query<{ key: string; row: string }>(
          `select ${keyHash}::text as key, ${hashOfValues(quoted)}::text as row from ${table}`,
        );
        expect(found, name).toEqual(answer.rows.flatMap((one) => [one.key, one.row]));
      }
    }
  });

  test("large objects travel as SQL that makes the same, and their hashes are those that the database computes", async () => {
    const measured = await inTransaction(() => fingerprintLargeObjects(client, ["1", "2", "4000000000"]));
    const sql: Buffer[] = [];
    for await (const some of largeObjectsSql(client, measured)) sql.push(some);
    const hasher = createLargeObjectHasher();
    for (const { oid, ...wanted } of measured) {
      for await (const line of readLargeObjectsSql(pieces(Buffer.concat(sql), 10_000), measured))
        if (line.oid === oid && line.bytes !== undefined) hasher.push(line.bytes);
      expect({ oid, ...hasher.finish() }).toEqual({ oid, ...wanted });
    }
    await execute(server.superuserUrl(database), `select lo_unlink(oid) from pg_largeobject_metadata`);
    const psql = spawnSync(
      join(server.binDir, "psql"),
      ["-qX", "-v", "ON_ERROR_STOP=on", server.superuserUrl(database)],
      {
        input: Buffer.concat(sql),
      },
    );
    expect(psql.status).toBe(0);
    expect(await inTransaction(() => fingerprintLargeObjects(client, ["1", "2", "4000000000"]))).toEqual(measured);
    // Another under the same number since it was measured.
    await execute(server.superuserUrl(database), "select lo_put(2, 0, 'S')");
    await expect(wholeOf(largeObjectsSql(client, measured))).rejects.toMatchObject({ code: "dump-differs" });
  });

  /** By the table's name. */
  async function storedColumnsOfAll(): Promise<Map<string, string[]>> {
    const answer = await client.query<{ name: string; columns: string[] }>(
      `select c.relname::text as name, array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0
                and not attisdropped and attgenerated = '' order by attnum) as columns
         from pg_class c where relkind = 'r' and relnamespace = 'public'::regnamespace`,
    );
    return new Map(answer.rows.map(({ name, columns }) => [name, columns]));
  }

  async function inTransaction<T>(work: () => Promise<T>): Promise<T> {
    await client.query("begin");
    const result = await work();
    await client.query("commit");
    return result;
  }
});

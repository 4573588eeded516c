import type pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Cell, Change, ListedTable } from "../../actions/lib/operations/repair/change-list.ts";
import { cellsOf, rowText } from "../../actions/lib/operations/repair/copy-cells.ts";
import { createProject, dropProject, type LabProject, withClient } from "../lab/index.ts";
import { randomFrom } from "../lab/random.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";
import { openRepairLab, type RepairLab, told } from "./repair-lab.ts";

let lab: BackupLab;
let repairs: RepairLab;
const projects = new Map<15 | 17, LabProject>();
beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  repairs = await openRepairLab(lab);
  for (const major of [15, 17] as const)
    projects.set(major, await createProject(sharedPostgres(major).superuserUrl(), `property_${major}`));
});
afterAll(async () => {
  for (const [major, { name }] of projects) await dropProject(sharedPostgres(major).superuserUrl(), name);
  await lab[Symbol.asyncDispose]();
});

/** Types and values of theirs, as SQL; keys are made of the first three. */
const types: readonly (readonly [type: string, ...values: string[]])[] = [
  ["int", "1", "-5", "2147483647"],
  ["text", "''", "'x'", "E'a\\tb\\nc\\\\d'", "'\\N'", "E'\\u00e9\\U0001f600\\r'", "repeat('long ', 30000)"],
  ["uuid", "'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
  ["numeric", "1.0", "1.00", "'NaN'", "-0.00000000000000000001"],
  ["float8", "'-0'", "0", "'NaN'", "1e308", "0.1::float8 + 0.2"],
  ["char(4)", "'a'", "'a   '", "''"],
  ["jsonb", '\'{"a": [1, "\\\\"]}\'', "'null'", "'\"x\\ty\"'"],
  ["json", "'{\"a\":1}'", "'{ \"a\":1}'"],
  ["bytea", "'\\x00ff5c'", "''"],
  ["timestamptz", "'2026-03-29 01:30:00+00'", "'infinity'", "'0001-01-01 00:00:00+00 BC'"],
  ["interval", "'1 mon'", "'30 days'", "'-1 day +01:00'"],
  ["text[]", "'{}'", "array[null, 'null', '', 'a,b\"c\\d']", "'[0:1]={a,b}'", "array_remove(array[null, 'a'], null)"],
  ["int4range", "'[1,5)'", "'empty'"],
  ["point", "'(1,2)'"],
  ["xml", "'<a>b</a>'", "''"],
  ["tsvector", "'a:1 b:2'"],
  ["inet", "'10.0.0.1/8'"],
  ["bool", "true", "false"],
];

interface Scene {
  readonly table: ListedTable;
  readonly key: number;
  readonly random: () => number;
  value(place: number): string;
}

async function makeTable(client: pg.Client, seed: number): Promise<Scene> {
  const random = randomFrom(seed);
  const pick = <One>(some: readonly One[]): One => some[Math.floor(random() * some.length)] as One;
  const key = seed % 4 === 0 ? 0 : 1 + Math.floor(random() * 2);
  const own = Array.from({ length: 2 + Math.floor(random() * 5) }, () => pick(types));
  const columns = [...Array.from({ length: Math.max(1, key) }, () => types[0] as (typeof types)[0]), ...own];
  const names = columns.map((_, at) => (at % 3 === 2 ? `odd "${at}' \\` : `c${at}`));
  const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
  const keyList = quoted.slice(0, key).join(", ");
  const partitioned = key > 0 && random() < 0.3;
  await client.query(
    `drop table if exists public."a table" cascade;
     create table public."a table" (${columns.map(([type], at) => `${quoted[at]} ${type}`).join(", ")}${key > 0 ? `, primary key (${keyList})` : ""})
     ${partitioned ? `partition by hash (${quoted[0]})` : ""}`,
  );
  if (partitioned)
    for (const part of [0, 1])
      await client.query(
        `create table public.part_${part} partition of public."a table" for values with (modulus 2, remainder ${part})`,
      );
  const value = (place: number): string => {
    const [type, ...values] = columns[place] ?? ["int", "1"];
    return random() < 0.1 ? "null" : `(${pick(values)})::${type}`;
  };
  for (let row = 0; row < 60; row++) {
    const cells = columns.map((_, at) => (at < key ? String(at === 0 ? row : row % 3) : value(at)));
    if (key === 0) cells[0] = String(row % 5);
    await client.query(`insert into public."a table" values (${cells.join(", ")})`);
  }
  const table = {
    schema: "public",
    name: "a table",
    columns: names,
    key: key === 0 ? null : names.slice(0, key).toReversed(),
  };
  return { table, key, random, value };
}

async function read(client: pg.Client): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  // Read from a query: COPY of a partitioned table knows no rows of its own.
  for await (const row of cellsOf(client.query(copyTo('copy (select * from public."a table") to stdout'))))
    rows.push(row);
  return rows;
}

const textOf = (row: readonly Cell[]): string => [...rowText(row)].join("");
const sorted = (rows: readonly (readonly Cell[])[]): string[] => rows.map(textOf).toSorted();

/** Changes of a few rows: most as they are now, some of rows that are not so. */
function makeChanges({ table, key, random }: Scene, rows: readonly Cell[][]): Change[] {
  const keyed = table.key !== null;
  const taken = new Set<string>();
  const changes: Change[] = [];
  const places = table.columns.map((_, at) => at).filter((at) => at >= key);
  for (const row of rows) {
    if (random() < 0.5) continue;
    const other = rows[Math.floor(random() * rows.length)] ?? row;
    const kind = random();
    const of = (from: readonly Cell[]): Cell[] =>
      (table.key ?? []).map((name) => from[table.columns.indexOf(name)] ?? null);
    if (keyed && kind < 0.5) {
      const columns = places.filter(() => random() < 0.6);
      if (columns.length === 0) continue;
      const lie = random() < 0.15;
      changes.push({
        ...{ t: 0, op: "update", key: of(row), columns },
        before: columns.map((at) => (lie ? other : row)[at] ?? null),
        after: columns.map((at) => other[at] ?? null),
      });
    } else if (kind < 0.8) {
      const before = random() < 0.15 && keyed ? [...row.slice(0, key), ...other.slice(key)] : row;
      changes.push({ t: 0, op: "delete", before });
    } else {
      const after = [...other];
      if (keyed) after[0] = String(random() < 0.2 ? other[0] : 1000 + Math.floor(random() * 1e6));
      const name = JSON.stringify(of(after));
      if (keyed && taken.has(name)) continue;
      taken.add(name);
      changes.push({ t: 0, op: "insert", after });
    }
  }
  return changes;
}

/** What has to come out, by plain words about rows. */
function expected({ table }: Scene, rows: readonly Cell[][], changes: readonly Change[]): string[] {
  if (table.key === null) {
    const left = rows.map(textOf);
    for (const change of changes)
      if (change.op === "delete") {
        const at = left.indexOf(textOf(change.before));
        if (at >= 0) left.splice(at, 1);
      }
    return [...left, ...changes.flatMap((one) => (one.op === "insert" ? [textOf(one.after)] : []))].toSorted();
  }
  const places = table.key.map((name) => table.columns.indexOf(name));
  const nameOf = (row: readonly Cell[]): string => JSON.stringify(places.map((at) => row[at]));
  const left = new Map(rows.map((row) => [nameOf(row), row]));
  for (const change of changes)
    if (change.op === "delete" && textOf(left.get(nameOf(change.before)) ?? []) === textOf(change.before))
      left.delete(nameOf(change.before));
  for (const change of changes) {
    if (change.op === "update") {
      const row = left.get(JSON.stringify(change.key));
      if (row === undefined || change.columns.some((at, i) => row[at] !== change.before[i])) continue;
      const next = [...row];
      for (const [i, at] of change.columns.entries()) next[at] = change.after[i] ?? null;
      left.set(nameOf(row), next);
    } else if (change.op === "insert" && !left.has(nameOf(change.after)))
      left.set(nameOf(change.after), [...change.after]);
  }
  return sorted([...left.values()]);
}

/** Somebody goes on working: rows that change, go and come between the plan and the repair. */
async function workOn(client: pg.Client, { table, key, random, value }: Scene, rows: readonly Cell[][]): Promise<void> {
  if (key === 0) {
    await client.query(`delete from public."a table" where ctid in (select ctid from public."a table" limit 3)`);
    return;
  }
  for (let time = 0; time < 8; time++) {
    const row = rows[Math.floor(random() * rows.length)] ?? [];
    const at = key + Math.floor(random() * (table.columns.length - key));
    const name = `"${(table.columns[at] ?? "").replaceAll('"', '""')}"`;
    await client.query(
      random() < 0.7
        ? `update public."a table" set ${name} = ${value(at)} where c0 = ${row[0]}`
        : `delete from public."a table" where c0 = ${row[0]}`,
    );
  }
}

const seeds = Number(process.env["LIFEBOAT_FAULT_SEEDS"] ?? "8");

test(`${seeds} random lists over random tables, with honest writes in between, come out as plain words about rows say, and go back and forth`, {
  timeout: 120_000 + seeds * 30_000,
}, async () => {
  let written = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const url = projects.get(seed % 2 === 0 ? 15 : 17)?.postgresUrl ?? "";
    await withClient(url, async (client) => {
      await client.query(
        "set extra_float_digits = 3; set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'",
      );
      const scene = await makeTable(client, seed);
      const at = `seed ${seed}`;
      const planned = await read(client);
      const changes = makeChanges(scene, planned);
      await workOn(client, scene, planned);
      const before = await read(client);
      const done = await repairs.repair(url, [scene.table], changes);
      const after = sorted(await read(client));
      expect(after, at).toEqual(expected(scene, before, changes));
      written += done.outcomes.reduce((sum, { state, rows }) => sum + (state === "ready" ? rows : 0), 0);
      if (done.transactions.length === 0) return;
      const back = await repairs.undo(url, done.id);
      expect(sorted(await read(client)), at).toEqual(sorted(before));
      expect(
        told(back).every((line) => line.startsWith("ready ")),
        at,
      ).toBe(true);
      await repairs.undo(url, back.id);
      expect(sorted(await read(client)), at).toEqual(after);
    });
  }
  expect(written).toBeGreaterThan(seeds * 5);
});

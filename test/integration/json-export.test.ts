import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { loadExport } from "../../actions/lib/operations/export/load-export.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { pinStatement } from "../../actions/lib/postgres/connect/connect.ts";
import { tableName } from "../../actions/lib/postgres/identifier.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { exportLongRows, exportRows, fingerprintByCopy } from "../../actions/lib/postgres/rows/export-rows.ts";
import { type OpenSet, openSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, execute, type LabProject, seedQimma, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { findingsWhenChanged } from "./changed-content.ts";

/** Constraints that are NOT VALID because some rows of the lab break them. */
const dropUnkept = `do $$ declare one record; begin
  for one in select conrelid::regclass as on, conname from pg_constraint where contype = 'c' and not convalidated and conparentid = 0 and conrelid <> 0
  loop execute format('alter table %s drop constraint %I', one.on, one.conname); end loop; end $$`;

/** Rows of a hash over an enum lie where its number puts them, and a restore gives it another. */
const sizes = Array.from({ length: 40 }, (_, at) => `'size ${at}'`).join(", ");
const hashedTables = `create type hashed.size as enum (${sizes});
  create table hashed.shirts (size hashed.size, n int) partition by hash (size);
  create table hashed.shirts_0 partition of hashed.shirts for values with (modulus 3, remainder 0);
  create table hashed.shirts_1 partition of hashed.shirts for values with (modulus 3, remainder 1);
  create table hashed.shirts_2 partition of hashed.shirts for values with (modulus 3, remainder 2);
  insert into hashed.shirts select ('size ' || i % 40)::hashed.size, i from generate_series(1, 200) i`;

describe.each([17, 15] as const)("the JSON export of a weekly set of PostgreSQL %i", (major) => {
  const source = `export_source_${major}_${process.pid}`;
  const target = `export_target_${major}_${process.pid}`;
  let lab: BackupLab;
  let project: LabProject;
  let empty: LabProject;
  let made: BackupResult;
  let open: OpenSet;
  let inventory: Inventory;

  beforeAll(async () => {
    const superuserUrl = sharedPostgres(major).superuserUrl();
    lab = await openBackupLab(sharedS3());
    project = await createProject(superuserUrl, source);
    await seedQimma(project.postgresUrl, { bytes: 1_000_000, seed: 3, superuserUrl: project.superuserUrl });
    // Names that would be the same in a vault that is fetched onto a disk, and two that read alike.
    await execute(
      project.superuserUrl,
      `create table public."Exams" (id int); insert into public."Exams" values (1);
       create schema "a.b"; create schema a; create table "a.b".c (x text); create table a."b.c" (x text, y int);
       insert into "a.b".c values ('first'); insert into a."b.c" values ('second', 2); create schema hashed; ${hashedTables}`,
    );
    await execute(superuserUrl, `create database ${target} template ${source}`);
    empty = Object.fromEntries(
      Object.entries(project).map(([name, value]) => [name, String(value).replaceAll(source, target)]),
    ) as unknown as LabProject;
    await execute(
      empty.superuserUrl,
      `set session_replication_role = replica;
       do $$ declare one regclass; begin
         for one in select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' loop
           execute format('delete from only %s', one);
         end loop;
       end $$`,
    );
    await execute(empty.superuserUrl, dropUnkept);
    made = await backUp(lab, project.backupUrl, { tier: "weekly" });
    open = await openSet(lab.vault, made, { trustedSigners: lab.signers, privateKey: lab.operations });
    inventory = await open.inventory();
  });
  afterAll(async () => {
    const superuserUrl = sharedPostgres(major).superuserUrl();
    await dropProject(superuserUrl, target);
    await dropProject(superuserUrl, source);
    await lab[Symbol.asyncDispose]();
  });

  const load = (url: string, table: string) =>
    withClient(url, async (client) => {
      const pins = pinStatement(5);
      await client.query(pins.text, [...pins.values]);
      return loadExport({ open, inventory, table, client, dryRun: false, log: silentLog });
    });

  test("has one artifact for every table that the dumps carry, under names that a disk without case can hold", () => {
    const names = made.artifacts.filter(({ kind }) => kind === "json").map(({ name }) => name);
    // All but Vault's secrets, which go under a key of their own.
    expect(names.length).toBe(made.counts.tables - 1);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^json\/[A-Za-z0-9._-]+\.ndjson\.zst\.pgp$/);
  });

  test("rows that are too long for the server to write as JSON are written to the byte as it would, and hashed alike", async () => {
    await withClient(project.backupUrl, async (client) => {
      const pins = pinStatement(5);
      await client.query(pins.text, [...pins.values]);
      const read = async (rows: AsyncIterable<Uint8Array>) => {
        const hash = createHash("sha256");
        for await (const chunk of rows) hash.update(chunk);
        return hash.digest("hex");
      };
      for (const table of inventory.tables) {
        const name = tableName(table);
        expect([name, await read(exportLongRows(client, table))]).toEqual([
          name,
          await read(exportRows(client, table)),
        ]);
        expect([name, await fingerprintByCopy(client, table)]).toEqual([name, table.fingerprint]);
      }
    });
  });

  test("deep verification finds in it exactly the rows that the database had", async () => {
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    const verdict = await verifySet(lab.vault, made, options, silentLog);
    expect(verdict.findings).toEqual([]);
  });

  test("a value changed, a row lost or doubled, a column renamed: a deep verification names the artifact", async () => {
    const name = "json/public.one_row.ndjson.zst.pgp";
    const damage: readonly [string, (text: string) => string][] = [
      [`${name}: rows-differ`, (text) => text.replace("2025-09-01", "2025-09-02")],
      [`${name}: rows-differ`, (text) => text.replace('"2025-09-01"', "null")],
      [`${name}: rows-differ`, () => ""],
      [`${name}: rows-differ`, (text) => text + text],
      [`${name}: export-malformed`, (text) => text.replace("since", "Since")],
    ];
    const findings = await findingsWhenChanged(open, name);
    for (const [wanted, change] of damage) expect(await findings(change)).toContain(wanted);
    expect(await findings((text) => text)).toEqual([]);
  });

  test("loads every table of the lab into an empty one that then has the inventory's fingerprint", async () => {
    const tables = inventory.tables.filter(({ carried }) => carried);
    expect(tables.length).toBeGreaterThan(60);
    for (const { schema, name, fingerprint } of tables) {
      const quoted = `"${schema}"."${name.replaceAll('"', '""')}"`;
      const loaded = await load(empty.superuserUrl, quoted);
      expect([quoted, loaded.outcome, loaded.rows]).toEqual([quoted, "loaded", fingerprint?.rows]);
    }
  });

  test("loads a partition whose rows belong into others here through the table above it", async () => {
    await execute(
      empty.superuserUrl,
      `drop schema hashed cascade; create schema hashed; create type hashed.filler as enum ('z'); ${hashedTables};
       delete from hashed.shirts`,
    );
    const lie = `select count(*)::int as all, count(distinct tableoid)::int as tables from hashed.shirts`;
    const leaf = "hashed.shirts_0";
    const rows = inventory.tables.find((table) => tableName(table) === leaf)?.fingerprint?.rows;
    expect(await load(empty.superuserUrl, leaf)).toMatchObject({ outcome: "loaded", rows });
    const loaded = await withClient(empty.superuserUrl, (client) => client.query(lie));
    expect(loaded.rows).toEqual([{ all: Number(rows), tables: expect.toSatisfy((tables: number) => tables > 1) }]);
    // Another one's rows would lie among these, and nobody could tell them from a second load.
    await execute(empty.superuserUrl, "delete from hashed.shirts_1");
    await expect(load(empty.superuserUrl, "hashed.shirts_1")).rejects.toMatchObject({
      code: "target-table-filled",
      message: expect.stringContaining("hashed.shirts of the target is not empty: rows of hashed.shirts_1 belong"),
    });
  });

  test("refuses a table that is not empty, not there, meant twice, or has other columns", async () => {
    await expect(load(empty.superuserUrl, "public.odd_values")).rejects.toMatchObject({ code: "target-table-filled" });
    await expect(load(empty.superuserUrl, "public.nobody")).rejects.toMatchObject({ code: "table-unknown" });
    await expect(load(empty.superuserUrl, "a.b.c")).rejects.toMatchObject({ code: "table-ambiguous" });
    await execute(empty.superuserUrl, "delete from public.one_row; alter table public.one_row add more int");
    await expect(load(empty.superuserUrl, "public.one_row")).rejects.toMatchObject({
      ...{ exitCode: 2, code: "target-columns-differ" },
      message: expect.stringContaining("has more besides"),
    });
    await execute(empty.superuserUrl, "drop table public.one_row");
    await expect(load(empty.superuserUrl, "public.one_row")).rejects.toMatchObject({ code: "target-table-missing" });
  });

  test("keeps nothing of a load that a trigger changed", async () => {
    await execute(
      empty.superuserUrl,
      `delete from public.duplicates;
       create function public.spoil() returns trigger language plpgsql as $$ begin new.email := 'x'; return new; end $$;
       create trigger spoil before insert on public.duplicates for each row execute function public.spoil();
       alter table public.duplicates enable always trigger spoil`,
    );
    await expect(load(empty.superuserUrl, "public.duplicates")).rejects.toMatchObject({
      exitCode: 1,
      code: "load-differs",
    });
    const left = await withClient(empty.superuserUrl, (client) => client.query("select from public.duplicates"));
    expect(left.rowCount).toBe(0);
  });
});

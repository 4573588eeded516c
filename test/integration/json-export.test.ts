import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
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

describe.each([17, 15] as const)("the JSON export of a weekly set of PostgreSQL %i", (major) => {
  const source = `export_source_${major}_${process.pid}`;
  let lab: BackupLab;
  let project: LabProject;
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
       insert into "a.b".c values ('first'); insert into a."b.c" values ('second', 2)`,
    );
    made = await backUp(lab, project.backupUrl, { tier: "weekly" });
    open = await openSet(lab.vault, made, { trustedSigners: lab.signers, privateKey: lab.operations });
    inventory = await open.inventory();
  });
  afterAll(async () => {
    const superuserUrl = sharedPostgres(major).superuserUrl();
    await dropProject(superuserUrl, source);
    await lab[Symbol.asyncDispose]();
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
});

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oneChunk, wholeOf } from "../../actions/lib/base/flow/chunks.ts";
import { pinOptions, pinStatement } from "../../actions/lib/postgres/connect/connect.ts";
import {
  type Fingerprint,
  type Inventory,
  sumOf,
  type TableContent,
} from "../../actions/lib/postgres/inventory/model.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { isVaultSecrets } from "../../actions/lib/postgres/inventory/vault-secrets.ts";
import { copyMemory } from "../../actions/lib/postgres/rows/copy-frames.ts";
import { readDataFile } from "../../actions/lib/postgres/rows/data-file.ts";
import { type DataFile, planFiles } from "../../actions/lib/postgres/rows/data-plan.ts";
import { readDataSql, sequencesSql } from "../../actions/lib/postgres/rows/data-sql.ts";
import { fingerprintTable } from "../../actions/lib/postgres/rows/fingerprint.ts";
import { readCases } from "../lab/cases/read-case.ts";
import { createProject, dropProject, execute, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { oddRows } from "./odd-rows.ts";

const cases = (await readCases(new URL("../cases/", import.meta.url).pathname)).filter(
  // A database with a subscription cannot be dropped.
  ({ alone, real, named, name }) => !alone && !real && named.failed.length === 0 && name !== "subscription",
);

/** What our own reader makes of a table: the text of all its slices, and what it was hashed to. */
interface Ours {
  readonly table: TableContent;
  readonly texts: Buffer[];
  readonly found: Fingerprint[];
}

describe.each([15, 17] as const)("rows as pg_dump writes them, PostgreSQL %i", (major) => {
  const server = sharedPostgres(major);
  const name = `oracle_${major}_${process.pid}`;
  let project: LabProject;
  let client: pg.Client;
  let inventory: Inventory;
  let files: DataFile[];
  let dump: Buffer;
  const ours = new Map<string, Ours>();

  beforeAll(async () => {
    project = await createProject(server.superuserUrl(), name);
    await seedQimma(project.postgresUrl, { bytes: 3_000_000, seed: 5, superuserUrl: project.superuserUrl });
    for (const { steps, source } of cases) {
      if ((source ?? major) !== major) continue;
      for (const { as, sql } of steps)
        await execute(as === "postgres" ? project.postgresUrl : project.superuserUrl, sql);
    }
    for (const sql of oddRows) await execute(project.superuserUrl, sql);
    await execute(
      project.superuserUrl,
      'grant usage on schema odd, "odd.dots" to lifeboat_backup; grant select on all tables in schema odd, "odd.dots" to lifeboat_backup; grant select on all sequences in schema odd to lifeboat_backup',
    );
    client = new pg.Client({ connectionString: project.backupUrl });
    await client.connect();
    const pins = pinStatement(10);
    await client.query(pins.text, [...pins.values]);
    await client.query("begin isolation level repeatable read read only");
    await client.query("set local row_security = off; set local synchronize_seqscans = off");
    const { rows } = await client.query<{ id: string }>("select pg_export_snapshot() as id");
    inventory = await readInventory(client);
    files = await planFiles(client, inventory, new Set(), { sliceBytes: 64 * 1024, jobs: 2 });
    const input = copyMemory();
    for (const file of files) await readFile(file, input);
    const { stdout } = await promisify(execFile)(
      join(server.binDir, "pg_dump"),
      ["--data-only", `--snapshot=${rows[0]?.id}`, "--exclude-table-data=vault.secrets", "-d", project.backupUrl],
      { env: { ...process.env, PGOPTIONS: pinOptions() }, encoding: "buffer", maxBuffer: 2 ** 30 },
    );
    dump = stdout;
  });
  afterAll(async () => {
    await client?.end();
    await dropProject(server.superuserUrl(), name);
  });

  async function readFile(file: DataFile, input: ReturnType<typeof copyMemory>): Promise<void> {
    const found: Fingerprint[] = [];
    const text = await wholeOf(readDataFile(client, file, input, (_table, rows) => void found.push(rows)));
    let place = 0;
    for await (const { table, chunks } of readDataSql(oneChunk(text), file.tables)) {
      const known = ours.get(table.oid) ?? { table, texts: [], found: [] };
      known.texts.push(await wholeOf(chunks()));
      known.found.push(found[place++] ?? { rows: "", hash: "" });
      ours.set(table.oid, known);
    }
  }

  /** What follows each place where the dump says this. */
  function blocksBehind(begin: string): Buffer[] {
    const found: Buffer[] = [];
    for (let at = dump.indexOf(begin); at >= 0; at = dump.indexOf(begin, at + 1)) {
      found.push(dump.subarray(at + Buffer.byteLength(begin)));
    }
    return found;
  }

  async function rootsOf({ oid }: TableContent): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      `select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_partition_ancestors($1::oid) a
         join pg_class c on c.oid = a.relid join pg_namespace n on n.oid = c.relnamespace where c.oid <> $1::oid`,
      [oid],
    );
    return rows.map((row) => row.name);
  }

  /** Names as pg_dump writes them, in quotes only where they have to be. */
  async function quoted(names: readonly string[]): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      "select quote_ident(name) as name from unnest($1::text[]) with ordinality as n(name, place) order by place",
      [names],
    );
    return rows.map((row) => row.name);
  }

  test("each table's text is pg_dump's, byte by byte, however it was cut", async () => {
    for (const { table, texts } of ours.values()) {
      if (!table.carried) continue;
      const [schema, tableName, ...columns] = await quoted([table.schema, table.name, ...table.columns]);
      const list = columns.length === 0 ? "" : `(${columns.join(", ")})`;
      const wanted = Buffer.concat([...texts, Buffer.from("\\.\n\n\n")]);
      // Of hash partitions pg_dump names the root instead; which it does so for is another test's.
      const names = [`${schema}.${tableName}`, ...(await rootsOf(table))];
      const blocks = names.flatMap((into) => blocksBehind(`\nCOPY ${into} ${list} FROM stdin;\n`));
      expect(blocks.length, `${schema}.${tableName} in pg_dump's`).toBeGreaterThan(0);
      expect(
        blocks.some((block) => wanted.equals(block.subarray(0, wanted.length))),
        `${schema}.${tableName}`,
      ).toBe(true);
    }
  });

  test("there is nothing in pg_dump's that is not in ours", () => {
    const carried = [...ours.values()].filter(({ table }) => table.carried);
    const text = dump.toString("latin1");
    // One name in the lab has a line in it that looks like an end, in the head of its own COPY.
    expect(text.match(/^\\\.$/gm)?.length).toBe(carried.length + 1);
    const all = inventory.tables.filter((table) => !isVaultSecrets(table));
    expect([...ours.keys()].toSorted()).toEqual(all.map(({ oid }) => oid).toSorted());
  });

  test("what the text is hashed to on its way, slice by slice, adds up to what the server says", async () => {
    for (const { table, found } of ours.values()) {
      if (["helped", "broken"].includes(table.name)) continue;
      expect(sumOf(found), table.name).toEqual(await fingerprintTable(client, table));
    }
  });

  test("sequences have pg_dump's values", async () => {
    const carried = inventory.sequences.filter(({ countsFor }) => countsFor === undefined);
    const names = await quoted(carried.flatMap(({ schema, name: sequence }) => [schema, sequence]));
    const theirs = dump.toString().match(/^SELECT pg_catalog\.setval\(.*\);$/gm);
    const wanted = carried.map(({ lastValue, isCalled }, place) => {
      const sequence = `${names[2 * place]}.${names[2 * place + 1]}`.replaceAll("'", "''");
      return `SELECT pg_catalog.setval('${sequence}', ${lastValue}, ${isCalled});`;
    });
    expect(theirs?.toSorted()).toEqual(wanted.toSorted());
    expect(
      sequencesSql(carried)
        .toString()
        .match(/^SELECT pg_catalog\.setval\(.*\);$/gm),
    ).toHaveLength(carried.length);
  });

  test("large tables were cut, also those with empty pages; what cannot be planned under any path was not", () => {
    const slices = (table: string) => files.filter((file) => file.slice && file.tables[0]?.name === table);
    for (const table of ["worn", "types", "child", "parted_2"]) expect(slices(table).length, table).toBeGreaterThan(3);
    expect(slices("helped").length).toBeGreaterThan(3);
    for (const { slice } of slices("helped")) expect(slice?.path).toMatch(/\bodd\b/);
    expect(slices("broken")).toEqual([]);
  });
});

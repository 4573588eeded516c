import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { readSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import {
  createProject,
  dropProject,
  execute,
  type LabProject,
  PLANTED_EMAIL,
  seedQimma,
  withClient,
} from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, keysIn, openBackupLab, recordingLog } from "./backup-lab.ts";

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe.each([17, 15] as const)("a backup of a Supabase-shaped project on PostgreSQL %i", (major) => {
  const name = `backup_${major}_${process.pid}`;
  const log = recordingLog();
  let lab: BackupLab;
  let project: LabProject;
  let result: BackupResult;

  beforeAll(async () => {
    const superuserUrl = sharedPostgres(major).superuserUrl();
    lab = await openBackupLab(sharedS3());
    project = await createProject(superuserUrl, name);
    await seedQimma(project.postgresUrl, { bytes: 12_000_000, seed: 1, superuserUrl: project.superuserUrl });
    result = await backUp(lab, project.backupUrl, { log });
  });
  afterAll(async () => {
    await dropProject(sharedPostgres(major).superuserUrl(), name);
    await lab[Symbol.asyncDispose]();
  });

  test("opens, and holds every object, row and large object of the snapshot", async () => {
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    const verdict = await verifySet(lab.vault, result, options, silentLog);
    expect(verdict.findings).toEqual([]);
    expect(verdict.outcome).toBe("whole");
  });

  test("counts what an independent query counts", async () => {
    const tables = await withClient(project.superuserUrl, async (client) => {
      const { rows } = await client.query<{ name: string; rows: string }>(`
        select table_schema || '.' || table_name as name,
               (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from only %I.%I', table_schema, table_name), true, true, '')))[1]::text as rows
          from information_schema.tables t join pg_class c on c.oid = format('%I.%I', table_schema, table_name)::regclass
         where table_schema not in ('pg_catalog', 'information_schema') and c.relkind = 'r'
           and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')`);
      return rows;
    });
    expect(result.counts.tables).toBe(tables.length);
    expect(result.counts.rows).toBe(String(tables.reduce((sum, table) => sum + BigInt(table.rows), 0n)));
  });

  test("puts the rows into several files, a large table's into slices, the sequences behind them", () => {
    const names = result.artifacts.map(({ name }) => name).filter((name) => /^data\/\d/.test(name));
    expect(names.filter((name) => name.includes(".001."))).not.toEqual([]);
    expect(names.toSorted().at(-1)).toMatch(/-sequences\.sql\.zst\.pgp$/);
  });

  test("locks every object of the set, the manifest too", async () => {
    const keys = await keysIn(lab.vault, result.prefix);
    expect(keys).toContain(`${result.prefix}manifest.json`);
    for (const key of keys) expect([key, (await retentionOf(lab.vault, key))?.mode]).toEqual([key, "GOVERNANCE"]);
  });

  test("gives no personal data away: not in the log, the result, the manifest or RECOVER.md", async () => {
    const stored = await readSet(lab.vault, result.tier, result.set, (bytes, text) =>
      verifyDetached(bytes, text, lab.signers),
    );
    const page = (await lab.vault.get(`${result.prefix}RECOVER.md`)).body;
    const said = [
      ...log.lines,
      JSON.stringify(result),
      Buffer.from(stored.bytes).toString(),
      Buffer.from(page).toString(),
    ];
    expect(said.join("\n")).not.toContain(PLANTED_EMAIL.split("@")[0]);
  });

  test("has a roles.sql without passwords that runs twice over", async () => {
    const set = await openSet(lab.vault, result, { trustedSigners: lab.signers, privateKey: lab.operations });
    const sql = await read(set.artifact("roles.sql.zst.pgp"));
    expect(sql).toContain("Qimma Grader");
    expect(sql).not.toMatch(/SCRAM|PASSWORD '/i);
    for (let time = 0; time < 2; time += 1) await execute(project.superuserUrl, `begin;\n${sql}\nrollback;`);
  });

  test("leaves neither sessions nor locks behind", async () => {
    const left = await withClient(project.superuserUrl, (client) =>
      client.query(
        "select application_name from pg_stat_activity where datname = $1 and application_name like 'lifeboat/%'",
        [name],
      ),
    );
    expect(left.rows).toEqual([]);
  });
});

import { execFileSync } from "node:child_process";
import { join } from "node:path";
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

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const read = async (stream: AsyncIterable<Uint8Array>) => (await bytesOf(stream)).toString();

/** Each entry's SQL by its heading, which is none other's. */
function entriesOf(sql: string): Map<string, string> {
  const [, ...parts] = sql.split(/^--\n-- TOC entry (\d+) .*\n/m);
  const entries = new Map<string, string>();
  for (let at = 0; at < parts.length; at += 2) entries.set(parts[at] ?? "", entryText(parts[at + 1] ?? ""));
  return entries;
}

/** Without the settings that pg_restore changes between two entries, and its farewell. */
function entryText(text: string): string {
  return text
    .replace(/^(SET default_.*|-- Completed on .*|--|-- PostgreSQL database dump complete|\\unrestrict .*)\n/gm, "")
    .trim();
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

  test("has the schema as SQL for psql too: every entry of its dump, once, before the rows or behind them", async () => {
    const set = await openSet(lab.vault, result, { trustedSigners: lab.signers, privateKey: lab.operations });
    const program = join(sharedPostgres(major).binDir, "pg_restore");
    const dump = await bytesOf(set.artifact("schema.dump.zst.pgp"));
    const whole = execFileSync(program, ["--verbose", "--file=-"], {
      ...{ input: dump, encoding: "utf8", maxBuffer: 1e9, stdio: ["pipe", "pipe", "ignore"] },
    });
    const [before, behind] = await Promise.all(
      ["01-schema.sql.zst.pgp", "99-schema.sql.zst.pgp"].map(async (name) => entriesOf(await read(set.artifact(name)))),
    );
    expect([...(before?.keys() ?? [])].filter((id) => behind?.has(id))).toEqual([]);
    const wanted = entriesOf(whole);
    expect(wanted.size).toBeGreaterThan(500);
    expect(new Map([...(before ?? []), ...(behind ?? [])].sort())).toEqual(new Map([...wanted].sort()));
    expect([...(behind?.values() ?? [])].join("\n")).not.toMatch(/^CREATE (TABLE|FUNCTION|SCHEMA) /m);
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

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { type VerifyResult, verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { findClientTools } from "../../actions/lib/postgres/connect/client-tools.ts";
import type { Manifest } from "../../actions/lib/vault/format/manifest.ts";
import { openSet, type SetRef } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { resliceSet } from "./resliced-set.ts";

describe("two sets of a Supabase-shaped project in a locked bucket", () => {
  const name = `verify_${process.pid}`;
  let project: LabProject;
  let lab: BackupLab;
  let older: BackupResult;
  let newer: BackupResult;

  beforeAll(async () => {
    const server = sharedPostgres(17);
    project = await createProject(server.superuserUrl(), name);
    await seedQimma(project.postgresUrl, { bytes: 1_000_000, seed: 7 });
    lab = await openBackupLab(sharedS3());
    older = await backUp(lab, project.backupUrl);
    newer = await backUp(lab, project.backupUrl, { tier: "weekly" });
  });

  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await dropProject(sharedPostgres(17).superuserUrl(), name);
  });

  const verify = (ref: SetRef, deep: boolean): Promise<VerifyResult> =>
    verifySet(lab.vault, ref, { trustedSigners: lab.signers, deep, privateKey: lab.operations }, silentLog);

  test("are whole, opened or not, and nothing is found to say about them", async () => {
    for (const deep of [false, true]) {
      expect(await verify("latest", deep)).toMatchObject({ outcome: "whole", findings: [], set: newer.set, deep });
    }
  });

  test("are found by `latest`, by id, and by tier and id", async () => {
    expect(await verify("latest", false)).toMatchObject({ set: newer.set, tier: "weekly" });
    expect(await verify(older.set, false)).toMatchObject({ set: older.set, tier: "daily" });
    expect(await verify({ tier: "daily", set: older.set }, false)).toMatchObject({ set: older.set });
    await expect(verify({ tier: "weekly", set: older.set }, false)).rejects.toMatchObject({ code: "set-unknown" });
  });

  test("give their artifacts in plain and their inventory to whoever has a private key", async () => {
    const open = await openSet(lab.vault, older.set, { trustedSigners: lab.signers, privateKey: lab.operations });
    const inventory = await open.inventory();
    expect(inventory.tables.length).toBeGreaterThan(20);
    let [plain, stored] = [0, 0];
    for await (const chunk of open.artifact("schema.dump.zst.pgp", { onStoredBytes: (bytes) => (stored += bytes) })) {
      plain += chunk.length;
    }
    const schema = older.artifacts.find(({ kind }) => kind === "schema");
    expect({ plain, stored }).toEqual({ plain: schema?.plainBytes, stored: schema?.storedBytes });
    expect(() => open.artifact("no such artifact")).toThrow(expect.objectContaining({ code: "artifact-unknown" }));
  });

  test("cannot be opened without a private key, and it is said before anything is read", async () => {
    const verifying = verifySet(lab.vault, "latest", { trustedSigners: lab.signers, deep: true }, silentLog);
    await expect(verifying).rejects.toMatchObject({ code: "private-key-missing", exitCode: 2 });
  });

  test("say the same as SQL that their dumps of the schema do; one that does not is damaged, and without pg_restore it is told", async () => {
    const deep = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    const env = lab.env(project.backupUrl);
    const tools = ({ source }: Manifest) => findClientTools(source.serverMajor, env);
    expect((await verifySet(lab.vault, newer.set, { ...deep, tools }, silentLog)).findings).toEqual([]);
    const changes: [string, (sql: string) => string][] = [
      ["01-schema.sql.zst.pgp", (sql) => sql.replace("CREATE TABLE public.", "CREATE UNLOGGED TABLE public.")],
      ["99-schema.sql.zst.pgp", (sql) => sql.replace(/^CREATE POLICY .*$/m, "")],
    ];
    for (const [name, rewrite] of changes) {
      const { set } = await resliceSet({ lab, set: older.set, slices: {}, rewrite });
      const { outcome, findings } = await verifySet(lab.vault, set, { ...deep, tools }, silentLog);
      const told = findings.filter(({ code }) => code.startsWith("schema-sql"));
      expect([outcome, ...told.map(({ severity, where }) => `${severity}: ${where}`)]).toEqual([
        ...["damaged", `damage: ${name}`],
      ]);
    }
    const { outcome, findings } = await verifySet(
      lab.vault,
      newer.set,
      { ...deep, tools: async () => null },
      silentLog,
    );
    expect([outcome, findings.map(({ code }) => code)]).toEqual(["whole", ["schema-sql-unread"]]);
  });
});

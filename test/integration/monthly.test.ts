import { GetObjectTaggingCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { createProject, dropProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp } from "./backup-lab.ts";
import { lostIn, openRecoveryLab, type RecoveryLab, recoverPageOf, rowsOfHashed } from "./recovery-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

describe.each([17, 15] as const)("a monthly archive of PostgreSQL %i", (major) => {
  const name = `monthly_${major}_${process.pid}`;
  let recovery: RecoveryLab;
  let lab: BackupLab;
  let set: BackupResult;

  beforeAll(async () => {
    recovery = await openRecoveryLab(major, name, { bytes: 1_000_000, seed: 5 });
    lab = recovery.lab;
    set = await backUp(lab, recovery.source.backupUrl, { tier: "monthly" });
  });
  afterAll(() => recovery?.[Symbol.asyncDispose]());

  test("is a set as every other, and what is large of it is marked as what may leave Standard", async () => {
    const cold = new Set(["data", "large-objects", "schema-sql"]);
    const marked = new Map(set.artifacts.map(({ name, kind }) => [name, cold.has(kind)]));
    for (const key of ["keys.pgp", "secrets.pgp", "manifest.json"]) marked.set(key, false);
    const client = sharedS3().client();
    for (const [key, isCold] of marked) {
      const tags = await client.send(new GetObjectTaggingCommand({ Bucket: lab.bucket, Key: set.prefix + key }));
      const wanted = isCold ? [{ Key: "lifeboat-archive", Value: "cold" }] : [];
      expect([key, tags.TagSet ?? []]).toEqual([key, wanted]);
    }
    client.destroy();
  });

  test("deep verification finds every object, row, sequence and large object in it", async () => {
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    const verdict = await verifySet(lab.vault, set, options, silentLog);
    expect(verdict.findings).toEqual([]);
  });

  test("restores into plain PostgreSQL and is equal", async () => {
    const result = await restoreInto(lab, await recovery.newTarget("plain"));
    expect(told(result, "failed")).toEqual([]);
    expect(result.outcome).toBe("equal");
  });

  test("restores into a new Supabase project, as postgres, and is equal", async () => {
    const project = await createProject(sharedPostgres(major).superuserUrl(), `${name}_new`);
    try {
      const result = await restoreInto(lab, project.postgresUrl);
      expect(told(result, "failed")).toEqual([]);
      expect(result.outcome).toBe("equal");
    } finally {
      await dropProject(sharedPostgres(major).superuserUrl(), `${name}_new`);
    }
  });

  test("recovers by its RECOVER.md alone", async () => {
    const page = await recoverPageOf(lab.vault, set.prefix);
    const changes = { TARGET_DATABASE_URL: await recovery.newTarget("by_hand") };
    const { missing, stderr } = await lostIn(recovery.machine.follow(page, changes));
    expect(missing).toEqual(["Vault's secrets: the target has no Vault; open_secrets prints them"]);
    expect(stderr).toMatch(/\d+ tables hold exactly the rows that they held at the backup/);
    const copy = changes.TARGET_DATABASE_URL;
    expect(await rowsOfHashed(copy)).toEqual(await rowsOfHashed(recovery.source.superuserUrl));
  });
});

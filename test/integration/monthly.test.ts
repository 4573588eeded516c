import { GetObjectTaggingCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp } from "./backup-lab.ts";
import { findingsWhenChanged } from "./changed-content.ts";
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

  test("is plain SQL, and only the SQL is marked as what may leave Standard", async () => {
    expect(set.artifacts.map(({ kind }) => kind)).toEqual(["sql", "secrets", "roles", "inventory", "recover"]);
    const client = sharedS3().client();
    for (const key of [
      "database.sql.zst.pgp",
      "keys.pgp",
      "secrets.pgp",
      "secrets/vault.ndjson.zst.pgp",
      "manifest.json",
      "RECOVER.md",
      "inventory.json.zst.pgp",
    ]) {
      const tags = await client.send(new GetObjectTaggingCommand({ Bucket: lab.bucket, Key: set.prefix + key }));
      const wanted = key === "database.sql.zst.pgp" ? [{ Key: "lifeboat-archive", Value: "cold" }] : [];
      expect([key, tags.TagSet ?? []]).toEqual([key, wanted]);
    }
    client.destroy();
  });

  test("deep verification finds every object, row, sequence and large object in the SQL", async () => {
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    const verdict = await verifySet(lab.vault, set, options, silentLog);
    expect(verdict.findings).toEqual([]);
  });

  test("what is not in the SQL, or other than it was, is named by a deep verification", async () => {
    const open = await openSet(lab.vault, set, { trustedSigners: lab.signers, privateKey: lab.operations });
    const name = "database.sql.zst.pgp";
    const without = (from: RegExp) => (text: string) => {
      const begin = text.search(from);
      return text.slice(0, begin) + text.slice(text.indexOf("--\n-- TOC entry", begin + 10));
    };
    const damage: readonly [string, (text: string) => string][] = [
      [`${name}: rows-differ`, (text) => text.replace("2025-09-01", "2025-09-02")],
      ["set: table-missing", without(/--\n-- TOC entry [^\n]*\n(-- Dep[^\n]*\n)?-- Data for Name: one_row;/)],
      [
        `${name}: dump-incomplete`,
        without(
          /--\n-- TOC entry [^\n]*\n(-- Dep[^\n]*\n)?-- Name: exams_pkey|--\n-- TOC entry [^\n]*\n(-- Dep[^\n]*\n)?-- Name: exams exams_pkey;/,
        ),
      ],
      ["set: large-object-differs", (text) => text.replace("\\x00010203ff", "\\x00010203fe")],
      [`${name}: plain-dump-damaged`, (text) => text.slice(0, text.length / 2)],
      [`${name}: plain-dump-damaged`, (text) => text.replace("-- PostgreSQL database dump complete", "--")],
    ];
    const findings = await findingsWhenChanged(open, name);
    for (const [wanted, change] of damage) expect(await findings(change)).toContain(wanted);
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

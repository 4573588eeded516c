import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/shared.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

describe.each([17, 15] as const)("a backup of PostgreSQL %i", (major) => {
  const name = `backup_${major}_${process.pid}`;
  let lab: BackupLab;
  let project: LabProject;

  beforeAll(async () => {
    const superuserUrl = sharedPostgres(major).superuserUrl();
    lab = await openBackupLab(sharedS3());
    project = await createProject(superuserUrl, name);
    await seedQimma(project.postgresUrl, { bytes: 3_000_000, seed: 1, superuserUrl: project.superuserUrl });
  });
  afterAll(async () => {
    await dropProject(sharedPostgres(major).superuserUrl(), name);
    await lab[Symbol.asyncDispose]();
  });

  test("holds everything, sealed and signed", async () => {
    const result = await backUp(lab, project.backupUrl);
    console.log(JSON.stringify(result, null, 1));
    expect(result.counts.tables).toBeGreaterThan(10);
  });
});

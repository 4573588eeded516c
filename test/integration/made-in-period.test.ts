import { afterAll, beforeAll, expect, test } from "vitest";
import { findMadeInPeriod } from "../../actions/lib/backup/made-in-period.ts";
import type { BackupResult } from "../../actions/lib/backup/result.ts";
import type { Vault } from "../../actions/lib/vault/client.ts";
import { createProject, dropProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "./backup-lab.ts";

const name = `once_${process.pid}`;
let lab: BackupLab;
let made: BackupResult;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  const project = await createProject(sharedPostgres(17).superuserUrl(), name);
  made = await backUp(lab, project.backupUrl);
});
afterAll(async () => {
  await dropProject(sharedPostgres(17).superuserUrl(), name);
  await lab[Symbol.asyncDispose]();
});

/** The vault, as if so many days had passed. */
const later = (days: number): Vault => ({
  ...lab.vault,
  serverTime: async () => new Date(Date.parse(made.snapshotAt) + days * 86_400_000),
});

test("a set counts for its own day, week and month, and for its own tier", async () => {
  const { signers } = lab;
  const log = recordingLog();
  for (const period of ["day", "week", "month"] as const) {
    expect(await findMadeInPeriod(later(0), "daily", period, signers, log)).toMatchObject({ set: made.set });
    expect(await findMadeInPeriod(later(0), "weekly", period, signers, log)).toBeUndefined();
  }
  expect(await findMadeInPeriod(later(1), "daily", "day", signers, log)).toBeUndefined();
  expect(await findMadeInPeriod(later(7), "daily", "week", signers, log)).toBeUndefined();
  expect(await findMadeInPeriod(later(31), "daily", "month", signers, log)).toBeUndefined();
  expect(await findMadeInPeriod(later(-1), "daily", "day", signers, log)).toBeUndefined();
});

test("a set that no pinned key has signed does not stop the backups", async () => {
  const log = recordingLog();
  expect(await findMadeInPeriod(later(0), "daily", "day", [], log)).toBeUndefined();
  expect(log.lines).toContainEqual(expect.stringContaining(`${made.set} (daily) does not count as made`));
});

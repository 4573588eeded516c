import { afterAll, beforeAll, expect, test } from "vitest";
import { type Policy, policySchema } from "../../actions/lib/config/policy/policy.ts";
import { findMadeInPeriod, findStandBack } from "../../actions/lib/operations/backup/earlier-sets.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import own from "../../lifeboat.config.ts";
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
  for (const period of ["10h", "day", "week", "month"] as const) {
    expect(await findMadeInPeriod(later(0), "daily", period, signers, log)).toMatchObject({ set: made.set });
    expect(await findMadeInPeriod(later(0), "weekly", period, signers, log)).toBeUndefined();
  }
  expect(await findMadeInPeriod(later(9.9 / 24), "daily", "10h", signers, log)).toMatchObject({ set: made.set });
  expect(await findMadeInPeriod(later(10.1 / 24), "daily", "10h", signers, log)).toBeUndefined();
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

test("the second set of a day stands back when it would take more than the policy's share, and the first never does", async () => {
  const log = recordingLog();
  const policyOf = (bytesPerMonth: number): Policy =>
    policySchema.parse({ ...own, source: { ...own.source, egress: { bytesPerMonth, share: 0.5 } } });
  const ask = (hours: number, bytes: number, signers = lab.signers) =>
    findStandBack(later(hours / 24), policyOf(bytes), signers, log);
  const little = Number(made.counts.plainBytes) * 2;
  expect(await ask(11, little)).toMatch(/^the sets of this month have read .* from Supabase, and a second one a day/);
  expect(await ask(11, little * 1000)).toBeUndefined();
  expect(await ask(24, little)).toBeUndefined();
  expect(await ask(11, little, [])).toBeUndefined();
});

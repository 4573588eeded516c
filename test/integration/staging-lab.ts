import { expect } from "vitest";
import type { Tier } from "../../actions/lib/vault/format/manifest.ts";
import { createProject, dropProject, type LabProject, seedQimma, withClient } from "../lab/index.ts";
import { startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "./backup-lab.ts";
import { openRestoreTestLab, type RestoreTestLab } from "./restore-test-lab.ts";

/** A vault with sets of a seeded project, and an unmarked staging project on a server of its own to test them in. */
export interface StagingLab extends AsyncDisposable {
  readonly lab: BackupLab;
  readonly staging: LabProject;
  readonly tests: RestoreTestLab;
  readonly log: ReturnType<typeof recordingLog>;
  /** In the order in which they were made. */
  readonly sets: readonly string[];
  /** Runs with a changed environment and puts it back. */
  within<T>(change: Record<string, string>, work: () => Promise<T>): Promise<T>;
  /** What the marker says, and whether there are rows and tables of a copy. */
  whatIsThere(): Promise<unknown>;
}

/** @param tiers of the sets to make */
export async function openStagingLab(tiers: readonly Tier[]): Promise<StagingLab> {
  const lab = await openBackupLab(sharedS3());
  const shared = sharedPostgres(17).superuserUrl();
  const source = await createProject(shared, `tested_${process.pid}`);
  await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 9 });
  const sets: string[] = [];
  for (const tier of tiers) sets.push((await backUp(lab, source.backupUrl, { tier })).set);
  const cluster = await startPostgres(17);
  const staging = await createProject(cluster.superuserUrl(), "staging");
  const log = recordingLog();
  const tests = openRestoreTestLab(lab, staging.postgresUrl, log);
  return {
    ...{ lab, staging, tests, log, sets },
    async within(change, work) {
      const before = { ...tests.env };
      Object.assign(tests.env, change);
      try {
        return await work();
      } finally {
        for (const name of Object.keys(tests.env)) delete tests.env[name];
        Object.assign(tests.env, before);
      }
    },
    whatIsThere: () =>
      withClient(staging.superuserUrl, async (client) => {
        const own = await client.query(
          "select string_agg(tablename, ' ' order by tablename) as tables from pg_tables where schemaname = 'lifeboat_staging'",
        );
        expect(own.rows[0]?.tables).toBe("baseline marker");
        const found = await client.query(
          "select (select state from lifeboat_staging.marker) as state, (select count(*)::int from auth.users) as people, to_regclass('public.exams') is not null as exams",
        );
        return found.rows[0];
      }),
    async [Symbol.asyncDispose]() {
      await cluster.stop();
      await dropProject(shared, source.name);
      await lab[Symbol.asyncDispose]();
    },
  };
}

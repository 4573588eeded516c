import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import type { RestoreTestReport, RestoreTestRequest } from "../../actions/lib/operations/test-restore/request.ts";
import { runRestoreTest } from "../../actions/lib/operations/test-restore/run-restore-test.ts";
import { markStaging, wipeStaging } from "../../actions/lib/operations/test-restore/staging/mark-staging.ts";
import type { BackupLab } from "./backup-lab.ts";

export const stagingRef = "stagingref";

/** Restore tests in a lab, as the command line would run them. */
export interface RestoreTestLab {
  readonly env: Record<string, string>;
  /** Changes the policy's restoreTest for the runs that follow. */
  policy(change: PolicyInput["restoreTest"]): void;
  mark(ref?: string): Promise<unknown>;
  wipe(): Promise<unknown>;
  run(more?: Partial<RestoreTestRequest>): ReturnType<typeof runRestoreTest>;
  /** A run that is to end with a report. */
  report(more?: Partial<RestoreTestRequest>): Promise<RestoreTestReport>;
}

export function openRestoreTestLab(lab: BackupLab, stagingUrl: string, log: Log = silentLog): RestoreTestLab {
  const path = join(lab.folder, "policy.json");
  const pinned: PolicyInput = JSON.parse(readFileSync(path, "utf8"));
  const write = (restoreTest: PolicyInput["restoreTest"]): void =>
    writeFileSync(
      path,
      JSON.stringify({
        ...pinned,
        targets: { default: { env: "TARGET" }, staging: { env: "STAGING" } },
        restoreTest: { projectRef: stagingRef, ...restoreTest },
      }),
    );
  write({});
  const { DATABASE_URL: _, BACKUP_SIGNING_KEY: __, BACKUP_SIGNING_PASSPHRASE: ___, ...rest } = lab.env("");
  const env: Record<string, string> = {
    ...rest,
    RESTORE_PRIVATE_KEY: lab.prover.key.armor(),
    STAGING_DATABASE_URL: stagingUrl,
    STAGING_PROJECT_REF: stagingRef,
  };
  const near = () => loadConfig({ needs: ["target"], target: "staging", env: { ...env } });
  const far = () => loadConfig({ needs: ["vault", "opening", "target"], target: "staging", env: { ...env } });
  return {
    env,
    policy: write,
    mark: async (ref = stagingRef) => markStaging(ref, { config: await near(), log }),
    wipe: async () => wipeStaging({ config: await near(), log }),
    run: async (more = {}) => runRestoreTest({ config: await far(), log, ...more }),
    async report(more = {}) {
      const result = await this.run(more);
      if (!("failures" in result)) throw new Error(`no report but ${result.outcome}`);
      return result;
    },
  };
}

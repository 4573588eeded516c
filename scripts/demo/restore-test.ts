import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { restoreTestSentence } from "../../actions/lib/operations/test-restore/page.ts";
import { isReport, type RestoreTestReport } from "../../actions/lib/operations/test-restore/request.ts";
import { runRestoreTest } from "../../actions/lib/operations/test-restore/run-restore-test.ts";
import { markStaging } from "../../actions/lib/operations/test-restore/staging/mark-staging.ts";
import type { LabProject } from "../../test/lab/index.ts";
import type { Acts } from "./acts.ts";
import { type Owner, stagingRef } from "./owner.ts";

/** The monthly restore test, as the prover: marks a staging project, tests the newest set in it, and tells the result. */
export async function testARestore(
  acts: Acts,
  owner: Owner,
  createStaging: () => Promise<LabProject>,
  signal: AbortSignal,
): Promise<RestoreTestReport> {
  const secret = (name: string): string => readFileSync(join(owner.folder, "private-keys", name), "utf8").trim();
  const { DATABASE_URL: _, ...rest } = process.env;
  const env: Record<string, string | undefined> = {
    ...rest,
    RESTORE_PRIVATE_KEY: secret("prover.private.asc"),
    RESTORE_PASSPHRASE: secret("prover.passphrase"),
    STAGING_PROJECT_REF: stagingRef,
  };
  const config = await acts.act("make a staging project and mark it as such", async () => {
    env["STAGING_DATABASE_URL"] = (await createStaging()).postgresUrl;
    const loaded = await loadConfig({ needs: ["vault", "opening", "target"], target: "staging", env });
    await markStaging(stagingRef, { config: loaded, log: acts.log, signal });
    return loaded;
  });
  const result = await acts.act("test a restore there, with a planted defect", () =>
    runRestoreTest({ config, log: acts.log, signal }),
  );
  if (!isReport(result)) throw new OperationError("demo-no-test", `The restore test ended with ${result.outcome}.`);
  for (const line of storyOf(result)) acts.tell(line);
  return result;
}

function storyOf(report: RestoreTestReport): string[] {
  const { checks, performance, defect } = report;
  return [
    ...checks.map(({ name, outcome, finding }) => `${outcome}: ${name}: ${finding}`),
    ...performance.map(({ name, p50Ms, p95Ms, verdict }) => `${verdict}: ${name}: p50 ${p50Ms} ms, p95 ${p95Ms} ms`),
    ...(defect === null ? [] : [`${defect.outcome}: a ${defect.kind} that was planted (seed ${defect.seed})`]),
    restoreTestSentence(report),
  ];
}

import type { Log } from "../../base/log.ts";
import type { Environment } from "../../config/environment.ts";
import type { RestoreTestPolicy } from "../../config/policy/restore-test.ts";
import type { Proof } from "../../vault/format/proof.ts";
import { attempt } from "../target/attempt.ts";
import type { ProvenTarget } from "../target/target.ts";
import type { CheckResult } from "./checks/check-result.ts";
import { runChecks } from "./checks/run-checks.ts";
import { type SelfTestResult, testTheTest } from "./defect/self-test.ts";
import { compareFiles, type FilesComparison, type FilesTask } from "./files-against-rows.ts";
import { type Compared, comparePerformance } from "./performance/compare.ts";
import { measureQueries } from "./performance/measure.ts";
import { measureSize, type SizeReport } from "./performance/size.ts";

export interface FurtherLook {
  readonly policy: RestoreTestPolicy;
  readonly env: Environment;
  /** Variable that holds the staging API's address. */
  readonly apiVariable: string;
  readonly projectRef: string;
  /** `pg_database_size` at the source, from the manifest. */
  readonly sourceBytes: string;
  /** Oldest first. */
  readonly earlier: readonly Proof[];
  readonly seed: string;
  /** The copy stays, so the planted defect must not. */
  readonly keep: boolean;
  /** For the snapshot of the files that goes with the set. */
  readonly files: Pick<FilesTask, "moment" | "trusted" | "prover">;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** What was found beyond the comparison. */
export interface FurtherFindings {
  readonly files: FilesComparison | null;
  readonly checks: readonly CheckResult[];
  readonly performance: readonly Compared[];
  readonly size: SizeReport;
  readonly defect: SelfTestResult;
}

/** The application's checks, its speed, and the test of the test, in a copy that was just proven. */
export async function lookFurther(target: ProvenTarget, look: FurtherLook): Promise<FurtherFindings> {
  const { policy, env, log, signal, seed } = look;
  const { stages, connect } = target;
  const client = await connect();
  try {
    // A dump carries no statistics: without them the planner would know nothing, here as after a real recovery.
    await stages.run("statistics", () => attempt(client, "analyze"));
    const files = await stages.run("files against rows", () => compareFiles(client, { ...look.files, env, log }));
    const checks = await stages.run("application checks", () =>
      runChecks({ checks: policy.checks, connect, http: { variable: look.apiVariable, env }, log, signal }),
    );
    const { performance, size } = await stages.run("performance", async () => ({
      performance: comparePerformance(
        await measureQueries(client, policy.performance, log),
        look.earlier,
        { projectRef: look.projectRef, serverVersion: target.facts.inventory.serverVersion },
        policy.performance,
      ),
      size: await measureSize(client, target.source, look.sourceBytes),
    }));
    const defect = await stages.run("planted defect", () => testTheTest(target, { seed, mend: look.keep, log }));
    return { files, checks, performance, size, defect };
  } finally {
    await client.end().catch(() => undefined);
  }
}

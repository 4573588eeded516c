import type { Client } from "pg";
import { z } from "zod";
import { attempt, targetConnector } from "../../target/sessions.ts";
import { runChecks } from "../../test-restore/further-checks.ts";
import type { LossWork } from "./work.ts";

/** Runs the policy's checks of the application against what came back, with the new project's address and key, and notes what they found. */
export async function checkApplication(work: LossWork, signal: AbortSignal): Promise<void> {
  const { policy } = work.context.config();
  const { target, url, keys } = await work.place();
  const connectTarget = targetConnector({ target, policy }, "recover", { log: work.log, signal });
  const client = await connectTarget();
  let fileRows: number;
  try {
    // A dump carries no statistics: without them the planner would know nothing.
    await attempt(client, "analyze");
    fileRows = await countFiles(client);
  } finally {
    await client.end().catch(() => undefined);
  }
  const prefix = policy.targets[policy.restoreTest.target]?.env ?? "STAGING";
  const env = {
    ...work.env,
    ...(url !== null && { [`${prefix}_API_URL`]: url }),
    ...(keys !== undefined && { [`${prefix}_ANON_KEY`]: keys.anon.reveal() }),
  };
  const results = await runChecks({
    ...{ checks: policy.recovery.checks ?? policy.restoreTest.checks, connect: connectTarget, log: work.log, signal },
    http: { variable: `${prefix}_API_URL`, env },
  });
  const checks = results.map(({ finding, ...rest }) => ({ ...rest, finding: finding.slice(0, 500) }));
  if (results.length === 0) work.log.warn("The policy has no checks of the application: whether it works is unproven.");
  await work.state.note({ checks, fileRows });
}

/** Rows of files, whether their bytes are there or not. */
async function countFiles(client: Client): Promise<number> {
  const { rows: there } = await client.query("select to_regclass('storage.objects') is not null as there");
  if (there[0]?.there !== true) return 0;
  const { rows } = await client.query("select count(*)::float8 as files from storage.objects");
  return z.array(z.object({ files: z.number() })).parse(rows)[0]?.files ?? 0;
}

import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { reportRestoreTest } from "../../actions/lib/operations/test-restore/outcome.ts";
import { runRestoreTest } from "../../actions/lib/operations/test-restore/run-restore-test.ts";
import { markStaging, wipeStaging } from "../../actions/lib/operations/test-restore/staging/mark-staging.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run(call: Call): Promise<Outcome> {
  const { flags, values, log, signal } = call;
  const ref = values["mark-staging"];
  const asked = [ref !== undefined, flags["wipe"] === true, values["set"] !== undefined].filter(Boolean);
  if (asked.length > 1) {
    throw new ConfigurationError("usage", "--mark-staging, --wipe and --set are three different things.", "Give one.");
  }
  const { policy } = await loadConfig({ needs: [] });
  const target = policy.restoreTest.target;
  const request = { dryRun: flags["dry-run"] === true, log, signal };
  if (ref !== undefined) return mark(ref, { ...request, config: await loadConfig({ needs: ["target"], target }) });
  if (flags["wipe"] === true) return wipe({ ...request, config: await loadConfig({ needs: ["target"], target }) });
  const result = await runRestoreTest({
    ...request,
    config: await loadConfig({ needs: ["vault", "opening", "target"], target }),
    set: values["set"],
    seed: values["seed"],
    keepHours: readHours(values["keep-hours"]),
    waitForThaw: flags["thaw"] === true,
  });
  const job = reportRestoreTest(result);
  return { json: result, lines: renderText(job.page), job };
}

async function mark(ref: string, request: Parameters<typeof markStaging>[1]): Promise<Outcome> {
  const result = await markStaging(ref, request);
  const line =
    result.outcome === "marked"
      ? `Project ${ref} is staging now: restore tests empty it.`
      : `Dry run: project ${ref} is empty and would be marked as staging.`;
  return { json: result, lines: [line] };
}

async function wipe(request: Parameters<typeof wipeStaging>[0]): Promise<Outcome> {
  const result = await wipeStaging(request);
  const lines = {
    wiped: `Staging ${result.projectRef} was emptied of the copy of ${result.set ?? "an unknown set"}.`,
    "empty-already": `Staging ${result.projectRef} is empty already.`,
    "dry-run": `Dry run: staging ${result.projectRef} would be emptied.`,
  };
  return { json: result, lines: [lines[result.outcome]] };
}

/** @throws ConfigurationError `usage` */
function readHours(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const hours = Number(text);
  if (text.trim() !== "" && Number.isFinite(hours) && hours >= 0 && hours <= 720) return hours;
  throw new ConfigurationError("usage", `'${text}' is not a number of hours.`, "Give --keep-hours 0 to 720.");
}

export const testRestore: Command = {
  usage: {
    synopsis: "test-restore",
    summary:
      "Restores a set into the staging project, looks whether the application can live with it, and signs a proof.",
    positionals: [],
    options: {
      set: {
        type: "string",
        value: "SET",
        help: "this set, or latest (by turns the newest, an older one, an archive)",
      },
      seed: { type: "string", value: "HEX", help: "plant the defect that this seed chooses (by chance unless told)" },
      "keep-hours": {
        type: "string",
        value: "N",
        help: "leave a proven copy in staging so long (the policy's unless told)",
      },
      thaw: { type: "boolean", help: "wait until an archive is back from Glacier, which may take hours" },
      wipe: { type: "boolean", help: "only empty staging of what an earlier test left there" },
      "mark-staging": { type: "string", value: "REF", help: "make the empty project REF staging: tests will empty it" },
      ...dryRun,
    },
    details: [
      "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE of the prover key, and the",
      "variables of the policy's restoreTest.target (STAGING_DATABASE_URL, STAGING_PROJECT_REF, STAGING_API_URL). With",
      "SUPABASE_ACCESS_TOKEN it wakes a paused project, sees whether the data has room, and switches off mail and hooks.",
      "Nothing is touched unless staging's ref stands in the policy, is not production's, and its database bears the marker.",
    ].join("\n"),
  },
  reported: { operation: "test", runbook: "runbooks/restore-test-failed.md" },
  run,
};

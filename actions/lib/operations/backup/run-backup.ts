import { hostname } from "node:os";
import { OperationError } from "../../base/errors.ts";
import { Stop } from "../../base/flow/bounded.ts";
import { Stages } from "../../base/flow/stages.ts";
import { releaseVerifier, withVault } from "../../vault/configured.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import { backupLease } from "../../vault/format/names.ts";
import { type IncidentWatch, watchIncident } from "../../vault/incident/state.ts";
import { acquireLease, type Lease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { PublishedSet } from "../../vault/sets/catalogue.ts";
import { assertPassed } from "../check/check-row.ts";
import { type Ready, runPreflight } from "../check/run-preflight.ts";
import { type Beside, readSource, tellOfFilesAlone } from "./read-source.ts";
import type { BackupRequest, BackupResult } from "./result.ts";
import { openSetWriter } from "./set-writer.ts";
import { waitForMigration } from "./source-access.ts";
import { tidyUp } from "./tidy-up.ts";

/**
 * Makes one backup set: looks at everything, takes the lease, looks after what runs that died have left, takes one snapshot of the
 * database, stores everything that it shows, sealed, and publishes the signed manifest at last. When it throws, no set has
 * become visible, unless the lease was lost in the very moment of publication. Deletes nothing: its role need not be allowed to.
 * To a migration it gives way, and starts over when that is done, as another set; the files beside it too, which take over what
 * they have copied. What was given up stays, invisible, until retention clears it away.
 *
 * @throws ConfigurationError `preflight-failed`, `lease-held`: nothing was written
 * @throws OperationError names the stage
 */
export async function runBackup(request: BackupRequest): Promise<BackupResult> {
  return withVault(request.vault, request.config.vault, (vault) => backUp(request, vault));
}

async function backUp(request: BackupRequest, vault: Vault): Promise<BackupResult> {
  const { config, log, tier } = request;
  const stop = new Stop(request.signal);
  const stages = new Stages(log, stop.signal);
  const until = performance.now() + config.policy.source.startOverMinutes * 60_000;
  const warnings: string[] = [];
  const alarms: string[] = [];
  const ready = await stages.gate("preflight", async () =>
    assertPassed(await runPreflight(config, vault, log, stop.signal, tier), warnings, log),
  );
  const holder = request.holder ?? `${tier} backup on ${hostname()}, process ${process.pid}`;
  await using lease = await stages.gate("lease", () => acquireLease(vault, backupLease, { holder }));
  stop.on(lease.lost);
  const incident = await watchIncident(vault, await releaseVerifier(config), log);
  const published = await stages.write("leftovers", () =>
    tidyUp({
      vault,
      lease,
      policy: config.policy,
      env: config.env,
      bucketLocks: ready.bucketLocks,
      keepUploads: incident.on,
      signers: ready.keys.signers,
      ...{ warnings, alarms, log },
    }),
  );
  for (let given = 1; ; given++) {
    const attempt = new Stop();
    attempt.on(stop.signal);
    const taken = new Stages(log, attempt.signal);
    try {
      const facts = { vault, ready, lease, incident, published, stop: attempt, stages: taken };
      const made = await makeSet(request, facts, [...warnings]);
      return { ...made, stages: [...stages.taken, ...taken.taken], alarms };
    } catch (error) {
      if (!(error instanceof OperationError && migrating.has(error.code)) || stop.signal.aborted) throw error;
      // A definition that was replaced is no migration to wait for: begun anew at once, a few times.
      const atOnce = error.code === "definitions-moved" && given < attempts;
      if (!atOnce && performance.now() >= until) throw windowOver(error, given);
      const warning = `Started over (${given}): ${error.message}`;
      warnings.push(warning);
      log.warn(warning);
      const seconds = taken.taken.reduce((sum, stage) => sum + stage.seconds, 0);
      stages.taken.push({ name: "given up for a migration", seconds });
      if (atOnce) continue;
      const wait = () => waitForMigration(config.source, until, { stop, log });
      if (!(await stages.write("wait for the migration", wait))) throw windowOver(error, given);
    }
  }
}

/** Begun at most so often at once, when definitions change under the dump of the schema. */
const attempts = 3;

/** Somebody changes tables: it is left to go first. */
const migrating = new Set(["ddl-waiting", "lock-wait", "catalogue-moving", "catalogue-moved", "definitions-moved"]);

function windowOver({ code, message, next }: OperationError, given: number): OperationError {
  const times = given === 1 ? "once" : `${given} times`;
  return new OperationError(
    code,
    `${message} The backup was begun ${times}, and the time in which it may start over is past.`,
    `${next ?? ""} How long it starts over is source.startOverMinutes in the policy.`,
  );
}

interface Attempt {
  readonly vault: Vault;
  readonly ready: Ready;
  readonly lease: Lease;
  readonly incident: IncidentWatch;
  readonly published: readonly PublishedSet[];
  readonly stop: Stop;
  readonly stages: Stages;
}

/** When it throws, all of its sessions are closed, and no set is visible. */
async function makeSet(
  request: BackupRequest,
  { ready, stages, stop, ...facts }: Attempt,
  warnings: string[],
): Promise<Omit<BackupResult, "stages" | "alarms">> {
  const { config, log, tier, former = [] } = request;
  const startedAt = new Date();
  const set = newSetId(startedAt);
  const writer = await stages.write("keys", () =>
    openSetWriter({ set, tier, startedAt, config, ready, stop, log, warnings, former, ...facts }),
  );
  const beside: Beside = {};
  try {
    await readSource(request, ready, { set, writer, beside, warnings }, stages, stop);
    const { run } = beside;
    const files = run === undefined ? undefined : await stages.write("files", () => run.done);
    const finished = await stages.write("publish", () =>
      writer.publish({ acceptShrinkage: request.acceptShrinkage ?? false, files }),
    );
    return { ...finished, warnings, ...(files && { files }) };
  } catch (error) {
    stop.now(error);
    await tellOfFilesAlone(beside.run, set, log);
    throw error;
  }
}

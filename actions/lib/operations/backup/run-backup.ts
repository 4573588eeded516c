import { hostname } from "node:os";
import { Stop } from "../../base/flow/bounded.ts";
import { Stages } from "../../base/flow/stages.ts";
import { releaseVerifier, withVault } from "../../vault/configured.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import { backupLease } from "../../vault/format/names.ts";
import { watchIncident } from "../../vault/incident/state.ts";
import { acquireLease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { assertPassed } from "../check/check-row.ts";
import { runPreflight } from "../check/run-preflight.ts";
import { type Beside, readSource, tellOfFilesAlone } from "./read-source.ts";
import type { BackupRequest, BackupResult } from "./result.ts";
import { openSetWriter } from "./set-writer.ts";
import { tidyUp } from "./tidy-up.ts";

/**
 * Makes one backup set: looks at everything, takes the lease, looks after what runs that died have left, takes one snapshot of the
 * database, stores everything that it shows, sealed, and publishes the signed manifest at last. When it throws, no set has
 * become visible, unless the lease was lost in the very moment of publication. Deletes nothing: its role need not be allowed to.
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
  const startedAt = new Date();
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
  const set = newSetId(startedAt);
  const writer = await stages.write("keys", () =>
    openSetWriter({ set, tier, startedAt, config, ready, vault, lease, published, incident, stop, log }),
  );
  const beside: Beside = {};
  try {
    await readSource(request, ready, { set, writer, beside, warnings }, stages, stop);
    const { run } = beside;
    const files = run === undefined ? undefined : await stages.write("files", () => run.done);
    const finished = await stages.write("publish", () =>
      writer.publish({ acceptShrinkage: request.acceptShrinkage ?? false, warnings, files }),
    );
    return { ...finished, stages: stages.taken, warnings, alarms, ...(files && { files }) };
  } catch (error) {
    stop.now(error);
    await tellOfFilesAlone(beside.run, set, log);
    throw error;
  }
}

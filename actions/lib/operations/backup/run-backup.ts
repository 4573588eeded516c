import { hostname } from "node:os";
import { ConfigurationError } from "../../base/errors.ts";
import { Stop } from "../../base/flow/bounded.ts";
import { Stages } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { planExport, planGenerated } from "../../postgres/rows/export-rows.ts";
import { withVault } from "../../vault/configured.ts";
import { newSetId, type Tier } from "../../vault/format/manifest.ts";
import { backupLease } from "../../vault/format/names.ts";
import { acquireLease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { refusal } from "../check/check-row.ts";
import { type Ready, runPreflight } from "../check/run-preflight.ts";
import { takeExtensionRows, takeSecrets } from "./apart-stage.ts";
import { nowhere, takeArchive } from "./archive-stage.ts";
import { takeData } from "./data-stage.ts";
import { type FileRequest, type FileRun, startFiles, tellOfFilesAlone } from "./file-run.ts";
import { takeJsonExport } from "./json-stage.ts";
import type { BackupResult } from "./result.ts";
import { takeSchema } from "./schema-stage.ts";
import { openSetWriter, type SetWriter } from "./set-writer.ts";
import { SourceAccess, startDdlGuard } from "./source-access.ts";
import { tidyUp } from "./tidy-up.ts";

export interface BackupRequest {
  readonly tier: Tier;
  readonly config: Config<"source" | "vault" | "signing">;
  readonly log: Log;
  /** Calls the run off: children are ended, uploads aborted, nothing becomes visible. */
  readonly signal?: AbortSignal;
  /** The database was made smaller on purpose: the policy's bound on shrinkage only warns. */
  readonly acceptShrinkage?: boolean;
  /** Copies the files too, as they were at the set's own moment; set and files' snapshot name each other. */
  readonly files?: FileRequest;
  /** For the bench alone, which tells what fingerprints cost: no restore could prove the rows of such a set. */
  readonly withoutFingerprints?: boolean;
  /** The vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** Who runs it, for the lease, e.g. `backup, run 42`. */
  readonly holder?: string;
}

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
  const ready = await stages.gate("preflight", () => passPreflight(request, vault, warnings, stop.signal));
  const holder = request.holder ?? `${tier} backup on ${hostname()}, process ${process.pid}`;
  await using lease = await stages.gate("lease", () => acquireLease(vault, backupLease, { holder }));
  stop.on(lease.lost);
  const published = await stages.write("leftovers", () =>
    tidyUp({
      vault,
      lease,
      policy: config.policy,
      bucketLocks: ready.bucketLocks,
      signers: ready.keys.signers,
      ...{ warnings, alarms, log },
    }),
  );
  const set = newSetId(startedAt);
  const writer = await stages.write("keys", () =>
    openSetWriter({ set, tier, startedAt, config, ready, vault, lease, published, stop, log }),
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

/** What goes on beside the backup, known as soon as it has begun. */
interface Beside {
  run?: FileRun;
}

interface ReadingSource {
  readonly set: string;
  readonly writer: SetWriter;
  readonly beside: Beside;
  readonly warnings: string[];
}

async function passPreflight(
  request: BackupRequest,
  vault: Vault,
  warnings: string[],
  signal: AbortSignal,
): Promise<Ready> {
  const { rows, ready } = await runPreflight(request.config, vault, request.log, signal, request.tier);
  for (const { check, status, found, next } of rows) {
    if (status !== "warn") continue;
    const text = `${check}: ${found}${next === undefined ? "" : ` → ${next}`}`;
    warnings.push(text);
    request.log.warn(text);
  }
  const refused = refusal(rows);
  if (refused !== undefined) throw refused;
  if (ready === undefined) throw new ConfigurationError("preflight-failed", "The preflight found no way to begin.");
  return ready;
}

/**
 * Everything that needs the database. When it returns, the locks are gone and all of our sessions are closed, but for that
 * of the files' list.
 */
async function readSource(
  request: BackupRequest,
  ready: Ready,
  { set, writer, beside, warnings }: ReadingSource,
  stages: Stages,
  stop: Stop,
): Promise<void> {
  const { config, log, withoutFingerprints = false } = request;
  await using source = await SourceAccess.open({
    settings: config.source,
    policy: config.policy.source,
    tools: ready.tools,
    stop,
    log,
  });
  await using guard = await stages.write("watch", () => startDdlGuard(source, stop));
  const archive = request.tier === "monthly";
  const schema = await stages.write("schema", () => takeSchema(source, archive ? nowhere : writer.store, guard));
  if (!archive) writer.add(schema.artifact);
  const databaseSet = { tier: request.tier, set };
  if (request.files) beside.run = startFiles(request.files, { snapshot: schema.snapshot, databaseSet }, stop);
  const data = await stages.write("data", () =>
    archive
      ? takeArchive(source, writer.store, stop, schema)
      : takeData(source, writer.store, stop, schema, { withoutFingerprints }),
  );
  for (const artifact of data.artifacts) writer.add(artifact);
  for (const artifact of await takeExtensionRows(source, writer.store, schema.snapshot, data.inventory)) {
    writer.add(artifact);
  }
  const warn = (text: string) => {
    warnings.push(text);
    log.warn(text);
  };
  const sealed = { snapshot: schema.snapshot, inventory: data.inventory };
  const secrets = await takeSecrets(source, writer.secrets, sealed, warn);
  if (secrets !== undefined) writer.add(secrets);
  if (request.tier !== "daily") {
    const tables = data.inventory.tables.filter((table) => !isVaultSecrets(table));
    const items = [...(archive ? [] : planExport(tables)), ...planGenerated(tables)];
    const rows = await stages.write("JSON export", () =>
      takeJsonExport(source, writer.store, stop, schema.snapshot, items),
    );
    for (const artifact of rows) writer.add(artifact);
  }
  await stages.write("inventory", () => writer.describe(schema.snapshot, data.inventory));
  // Its list has a session of its own under the snapshot: the locks of ours need not last as long as the copy.
  await beside.run?.opened;
}

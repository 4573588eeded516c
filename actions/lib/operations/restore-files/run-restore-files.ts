import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { openProjectFiles, type ProjectFiles } from "../../storage/project-files.ts";
import { manifestVerifier, openingKey, trustedSigners, withVault } from "../../vault/configured.ts";
import { resolveSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { announceUse } from "../../vault/holds/uses.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { erasedFiles } from "../erasures/erased-files.ts";
import type { ErasuresKnown } from "../erasures/open-erasures.ts";
import { targetConnector } from "../target/sessions.ts";
import { admitTarget, refuseUntold } from "../target/whose.ts";
import type { FilesResult } from "./files-result.ts";
import { refuseMixed } from "./one-project.ts";
import { restoreFiles } from "./restore-files.ts";
import type { Choice } from "./selection.ts";
import { type FolderResult, restoreToFolder } from "./to-folder.ts";
import { openVaultSnapshot, type SnapshotFiles } from "./vault-snapshot.ts";

interface Request<Needed extends "storageVault" | "opening" | "target" | "targetStorage"> {
  readonly config: Config<Needed>;
  /** The files' vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** A snapshot's id, or `latest`. */
  readonly ref: string;
  readonly choice: Choice;
  /** Whose files are left out, by the ledger in the bucket of the sets. Undefined: nobody has looked. */
  readonly erasures: ErasuresKnown | undefined;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export interface RestoreFilesRequest extends Request<"storageVault" | "opening" | "target" | "targetStorage"> {
  /** Share of the files to read back; undefined: as the policy says. */
  readonly sample: number | undefined;
  /** See `FilesTask`. */
  readonly rowsComeFirst?: boolean | undefined;
  /** Ref of the project that the snapshot comes from, when it is meant to be the target. */
  readonly production: string | undefined;
  /** Asked before each file that is sent while files may be replaced. */
  readonly gate?: IncidentGate;
}

/**
 * Opens a snapshot of the vault and brings its files into the configured target: see `restoreFiles`.
 *
 * @throws ConfigurationError when snapshot, key or target are refused: nothing was written
 * @throws OperationError when it broke on the way
 */
export async function runRestoreFiles(request: RestoreFilesRequest): Promise<FilesResult> {
  const { config, log, signal } = request;
  const { target, targetStorage, policy } = config;
  return withSnapshot(request, async (snapshot) => {
    const what = "the project that the snapshot comes from";
    refuseMixed(target, targetStorage);
    const whose = await admitTarget({
      ...{ config, storage: targetStorage, fromSet: snapshot.projectRef, what, typed: request.production, log, signal },
    });
    // Files that are written over are gone: not where nobody can tell whose they are.
    if (request.overwrite)
      refuseUntold(whose, { target, prefix: targetStorage.prefix, what, typed: request.production });
    using files = openProjectFiles(targetStorage, { side: "target" });
    const { gate } = request;
    const guarded = request.overwrite && gate !== undefined ? askingBefore(files, gate) : files;
    const result = await restoreFiles({
      ...{ snapshot, choice: request.choice, overwrite: request.overwrite, dryRun: request.dryRun, log, signal },
      rowsComeFirst: request.rowsComeFirst,
      ...{ targetName: target.name, prefix: targetStorage.prefix, target: guarded, sample: request.sample },
      ...{ readAllBytes: policy.restoreFiles.readBackBytes, width: policy.restoreFiles.requestsAtOnce },
      // Without the signal: limits of buckets are put back also when the run is called off.
      connect: targetConnector(config, "restore-files", { log }),
    });
    return withErasures(result, request);
  });
}

/** What was sent without looking who was erased is not proven. */
function withErasures<Result extends FilesResult | FolderResult>(
  result: Result,
  { erasures, config }: Pick<Request<"storageVault" | "opening">, "erasures" | "config">,
): Result {
  const unasked = config.policy.erasure.subjects === null ? null : unaskedProblem;
  const problem = erasures === undefined ? unasked : erasures.problem;
  if (problem === null) return result;
  const outcome = result.outcome === "equal" || result.outcome === "sampled" ? "unverified" : result.outcome;
  return {
    ...result,
    outcome,
    notes: [...result.notes, `${problem} Files of people who were erased may be among these.`],
  };
}

const unaskedProblem = "The ledger of erasures was not looked at, because S3_BACKUP_BUCKET is not set.";

/** The same endpoint, which asks before it replaces anything. */
export function askingBefore(files: ProjectFiles, gate: IncidentGate): ProjectFiles {
  return {
    ...files,
    async put(...file) {
      await gate("a file of the target that would be replaced");
      return files.put(...file);
    },
    async putLarge(...file) {
      await gate("a file of the target that would be replaced");
      return files.putLarge(...file);
    },
  };
}

/** Opens a snapshot of the vault and writes its files below a folder: see `restoreToFolder`. */
export async function runFilesToFolder(
  request: Request<"storageVault" | "opening"> & { readonly folder: string },
): Promise<FolderResult> {
  return withSnapshot(request, async (snapshot) => {
    const result = await restoreToFolder({ ...request, snapshot });
    return withErasures(result, request);
  });
}

async function withSnapshot<Result>(
  { config, ref, vault: open, dryRun, erasures, log }: Request<"storageVault" | "opening">,
  work: (snapshot: SnapshotFiles) => Promise<Result>,
): Promise<Result> {
  const keys = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config) };
  const marks = { verify: await manifestVerifier(config), passedOver: log.warn };
  const erased = erasures?.erasures && erasedFiles(erasures.erasures);
  return withVault(open, config.storageVault, async (vault) => {
    const set = await resolveSnapshot(vault, ref, marks);
    using _use = dryRun ? undefined : await announceUse(vault, { set, operation: "restore-files" }, log);
    return await work(await openVaultSnapshot(vault, set, keys, erased));
  });
}

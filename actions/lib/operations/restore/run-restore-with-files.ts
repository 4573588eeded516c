import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Config } from "../../config/load.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { openProjectFiles } from "../../storage/project-files.ts";
import { openingKey, trustedSigners, withVault } from "../../vault/configured.ts";
import { missingSet, readSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { readSignedSet } from "../../vault/sets/open-set.ts";
import { openErasures } from "../erasures/open-erasures.ts";
import type { FilesResult } from "../restore-files/files-result.ts";
import { runRestoreFiles } from "../restore-files/run-restore-files.ts";
import { everyFile } from "../restore-files/selection.ts";
import { findSnapshotFor } from "../restore-files/vault-snapshot.ts";
import type { RestoreResult } from "./result.ts";
import { type RestoreRequest, runRestore } from "./run-restore.ts";

export interface RestoreWithFilesRequest extends RestoreRequest {
  readonly config: Config<"vault" | "storageVault" | "opening" | "target" | "targetStorage">;
  /** The files' vault, when the caller has it open already. */
  readonly snapshots?: Vault;
}

export interface RestoredWithFiles {
  readonly database: RestoreResult;
  readonly files: FilesResult;
}

/**
 * Restores a set and then the files that belong to it: those of the snapshot that was read together with it, or else the
 * newest of its time. Rows come first, so that ids, owners and times of the files are there when their bytes arrive; then the
 * files, before any trigger of the user's is on Storage's tables; then the triggers, and the comparison of all of it.
 *
 * @throws ConfigurationError when set, snapshot, key or target are refused: nothing was written
 * @throws OperationError when it broke on the way; `files-not-restored` when the rows are there already
 */
export async function runRestoreWithFiles(request: RestoreWithFilesRequest): Promise<RestoredWithFiles> {
  const { vault, storageVault } = request.config;
  return withVault(request.vault, vault, (sets) =>
    withVault(request.snapshots, storageVault, (snapshots) => restoreBoth(request, sets, snapshots)),
  );
}

async function restoreBoth(
  request: RestoreWithFilesRequest,
  sets: Vault,
  snapshots: Vault,
): Promise<RestoredWithFiles> {
  const { config, log, signal } = request;
  const signers = await trustedSigners(config);
  using target = openProjectFiles(config.targetStorage, { side: "target" });
  const { tier, set, manifest } = await readSignedSet(sets, request.ref, signers, log.warn);
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
  const found = await findSnapshotFor(snapshots, manifest, verify);
  const notes: string[] = [];
  if (found.fit !== "same") {
    const { manifest: nearest } = await readSnapshot(snapshots, found.set, verify);
    const missing = await missingSet(sets, nearest);
    notes.push(
      `No snapshot of the files was read together with set ${set}; the one that is nearest, ${found.set}, is ${found.fit}.`,
      ...(missing === undefined ? [] : [`Of snapshot ${found.set}: ${missing}.`]),
    );
  }
  for (const note of notes) log.warn(note);
  // Wrong keys or a wrong region show here, and not when the database is restored.
  await target.buckets(signal);
  const other =
    found.fit === "same"
      ? undefined
      : `the files are those of snapshot ${found.set}, which is ${found.fit} than the set`;
  const privateKey = await openingKey(config);
  const erasures = await openErasures({ config, vault: sets, noted: manifest.erasures, privateKey, log });
  let files: FilesResult | undefined;
  const bring = async (dryRun: boolean) => {
    files = await runRestoreFiles({
      ...{
        config,
        ref: found.set,
        choice: everyFile,
        erasures,
        overwrite: false,
        sample: undefined,
        dryRun,
        log,
        signal,
      },
      ...{ production: request.production, rowsComeFirst: dryRun, vault: snapshots },
    });
  };
  const database = await runRestore({
    ...{ ...request, ref: { tier, set }, vault: sets },
    bringFiles: async () => {
      await bring(false).catch((error: unknown) => {
        throw notRestored(error);
      });
      return other;
    },
  });
  if (database.outcome === "dry-run") await bring(true);
  if (files === undefined) throw new OperationError("files-not-restored", "The files were not brought in.");
  return { database, files: { ...files, notes: [...notes, ...files.notes] } };
}

function notRestored(error: unknown): unknown {
  if (!(error instanceof LifeboatError)) return error;
  return new OperationError(
    "files-not-restored",
    `The rows are there, the files are not: ${error.message}`,
    [error.next, "Then run the same command again: it takes up what is done already."].filter(Boolean).join(" "),
    error,
  );
}

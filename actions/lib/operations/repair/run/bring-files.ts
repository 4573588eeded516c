import { OperationError } from "../../../base/errors.ts";
import { unescapeCopy } from "../../../postgres/rows/copy-text.ts";
import { manifestVerifier } from "../../../vault/configured.ts";
import type { RepairVault, Sealed } from "../../../vault/repairs/store.ts";
import { readSignedSet } from "../../../vault/sets/open-set.ts";
import type { Context } from "../../context.ts";
import { erasuresOf } from "../../erasures/open-erasures.ts";
import type { FilesResult } from "../../restore-files/files-result.ts";
import { runRestoreFiles } from "../../restore-files/run-restore-files.ts";
import { everyFile } from "../../restore-files/selection.ts";
import { findSnapshotFor } from "../../restore-files/vault-snapshot.ts";
import { openPlan } from "../stored-list.ts";

/**
 * Brings back the bytes of files whose rows a plan brings back, out of the snapshot that belongs to its set. What is there stays.
 * @param ahead says what would be brought: neither rows nor files are written
 * @returns undefined where the plan brings back no row of storage.objects
 * @throws as `runRestoreFiles`; OperationError `set-unnamed`
 */
export async function bringFiles(
  context: Context,
  store: RepairVault,
  record: Sealed,
  production: string | undefined,
  ahead = false,
): Promise<FilesResult | undefined> {
  const { list, set } = await filesOf(store, record);
  if (list.length === 0) return undefined;
  if (set === undefined)
    throw new OperationError(
      "set-unnamed",
      "The plan names no set, so that no files of its time can be found.",
      `${ahead ? "Nothing was changed." : "The rows are back."} Bring the files with \`lifeboat restore-files\`.`,
    );
  const { log, signal } = context;
  const config = context.config("storageVault", "opening", "target", "targetStorage");
  const { manifest } = await readSignedSet(await context.vault(), set, await context.signers(), log.warn);
  const vault = await context.files();
  const found = await findSnapshotFor(vault, manifest, await manifestVerifier(config));
  return runRestoreFiles({
    ...{ config, vault, ref: found.set, choice: { ...everyFile, list }, production, log, signal },
    ...{
      overwrite: false,
      dryRun: ahead,
      rowsComeFirst: ahead,
      sample: undefined,
      erasures: await erasuresOf(context),
    },
  });
}

async function filesOf(store: RepairVault, record: Sealed): Promise<{ list: string[]; set: string | undefined }> {
  const { reader } = await openPlan(store, record);
  const { tables, sets } = reader.header;
  const list: string[] = [];
  for await (const line of reader.lines()) {
    const table = tables[line.t];
    if (!("op" in line) || line.op !== "insert" || table?.schema !== "storage" || table.name !== "objects") continue;
    const cell = (column: string): string => unescapeCopy(line.after[table.columns.indexOf(column)] ?? "\\N") ?? "";
    list.push(`${cell("bucket_id")}/${cell("name")}`);
  }
  return { list, set: sets[0] };
}

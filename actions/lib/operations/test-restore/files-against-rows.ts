import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Environment } from "../../config/environment.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { openStorageVault } from "../../vault/configured.ts";
import { readSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import type { Proof } from "../../vault/format/proof.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { readRows } from "../restore-files/target-rows.ts";
import {
  findSnapshotFor,
  openVaultSnapshot,
  type SetMoment,
  type SnapshotFile,
  type SnapshotFiles,
} from "../restore-files/vault-snapshot.ts";

export type FilesComparison = NonNullable<Proof["files"]>;

export interface FilesTask {
  readonly env: Environment;
  readonly moment: SetMoment;
  readonly trusted: readonly Signer[];
  readonly prover: UnlockedKey;
  readonly log: Log;
}

/**
 * Holds the restored rows of `storage.objects` against the snapshot of the files that goes with the set: whether after a recovery each
 * row would have its file. Paths hold people's names, so only counts come out.
 *
 * @returns null where nobody can tell: no vault of files is set, or it has no snapshot that can be read
 */
export async function compareFiles(client: Client, task: FilesTask): Promise<FilesComparison | null> {
  const { env, moment, trusted, prover, log } = task;
  if (!(await hasObjects(client))) return null;
  using vault = await openStorageVault({}, env);
  if (vault === undefined) return null;
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, trusted);
  try {
    const { set: snapshot, fit } = await findSnapshotFor(vault, moment, verify);
    const files = await openVaultSnapshot(vault, snapshot, { trustedSigners: trusted, privateKey: prover });
    const absent = await knownAbsent(vault, snapshot, verify);
    return { snapshot, fit, ...(await countFiles(client, files, absent)) };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`The storage files were not compared with their rows: ${error.message}`);
    return null;
  }
}

async function hasObjects(client: Client): Promise<boolean> {
  const answer = await client.query("select to_regclass('storage.objects') is not null as there");
  return answer.rows[0]?.there === true;
}

/** Rows of which the snapshot itself says that no file goes with them. */
async function knownAbsent(
  vault: Vault,
  snapshot: string,
  verify: Parameters<typeof readSnapshot>[2],
): Promise<number> {
  const { findings } = (await readSnapshot(vault, snapshot, verify)).manifest.counts;
  return (findings.lost ?? 0) + (findings.vanished ?? 0) + (findings["uncarried-key"] ?? 0);
}

const batchSize = 1000;

/**
 * Counts, in batches, files and rows that belong together.
 * @param absent rows that are known to have no file
 */
export async function countFiles(
  client: Client,
  snapshot: Pick<SnapshotFiles, "files">,
  absent: number,
): Promise<Pick<FilesComparison, "compared" | "missing" | "different">> {
  let [compared, missing, different] = [0, 0, 0];
  const judge = async (batch: readonly SnapshotFile[]): Promise<void> => {
    const rows = await readRows(client, batch);
    for (const [place, file] of batch.entries()) {
      const row = rows.get(place);
      if (row === undefined) missing += 1;
      else compared += 1;
      if (row !== undefined && !isSame(file, row)) different += 1;
    }
  };
  let batch: SnapshotFile[] = [];
  for await (const file of snapshot.files()) {
    if (batch.push(file) < batchSize) continue;
    await judge(batch);
    batch = [];
  }
  await judge(batch);
  const answer = await client.query("select count(*)::float8 as rows from storage.objects");
  const { rows } = z.strictObject({ rows: z.number() }).parse(answer.rows[0]);
  return { compared, missing: missing + Math.max(0, rows - compared - absent), different };
}

function isSame(file: SnapshotFile, row: { readonly bytes: number | null; readonly eTag: string | null }): boolean {
  const bare = (tag: string | null) => tag?.replaceAll('"', "") ?? null;
  if (row.eTag !== null && file.eTag !== null) return bare(row.eTag) === bare(file.eTag);
  return row.bytes === null || row.bytes === file.bytes;
}

import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError } from "../../../base/errors.ts";
import { mapBounded } from "../../../base/flow/bounded.ts";
import { countOf } from "../../../base/measures.ts";
import { lacksProjectStorage, type ProjectStorage } from "../../../config/environment.ts";
import { loadConfig } from "../../../config/load.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { openProjectFiles, type ProjectFiles } from "../../../storage/project-files.ts";
import { manifestVerifier, trustedSigners } from "../../../vault/configured.ts";
import { timeOfSet } from "../../../vault/format/manifest.ts";
import { firstFew, trustedSnapshots } from "../../../vault/standing.ts";
import type { Context } from "../../context.ts";
import { erasedFilesOf } from "../../erasures/erased-files.ts";
import { restoreFiles } from "../../restore-files/restore-files.ts";
import { everyFile } from "../../restore-files/selection.ts";
import { findSnapshotFor, openVaultSnapshot, type SnapshotFiles } from "../../restore-files/vault-snapshot.ts";
import { connectAsOwner } from "./owner-session.ts";
import type { InPlace } from "./place.ts";
import type { Known } from "./work.ts";

/** What became of the files: counts, never a path. */
export interface FilesTold {
  readonly sentence: string;
  /** What, how many, what to do. */
  readonly rows: readonly (readonly [string, string, string])[];
  /** Something is lost for good, or is not brought back yet, or nobody could look although the settings say where. */
  readonly wrong: boolean;
}

/**
 * A recovery of the database touches no file: rows are as at the moment, bytes as they were just before. What was removed or replaced since has
 * a row and no bytes: it comes back from the vault. What was written since has bytes and no row: it is counted, and nobody can reach it.
 * Never fails: what could not be done is told.
 */
export async function reconcileFiles(context: Context, known: Known, place: InPlace): Promise<FilesTold> {
  const { env } = context;
  if (!context.has("storageVault") || lacksProjectStorage(env, "SUPABASE"))
    return unknown("Files were not looked at: no vault of files, or no SUPABASE_STORAGE_* is set.", false);
  try {
    const { source, sourceStorage } = await loadConfig({ needs: ["source", "sourceStorage"], env });
    using files = openProjectFiles(sourceStorage, { side: "target" });
    const client = await connect(source, {
      applicationName: "lifeboat/files",
      log: context.log,
      signal: context.signal,
    });
    try {
      return await reconcile(context, known, place, { client, files, storage: sourceStorage });
    } finally {
      await client.end().catch(() => undefined);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    return unknown(`Files were not looked at: ${error.message}`, true);
  }
}

const unknown = (sentence: string, wrong: boolean): FilesTold => ({ sentence, rows: [], wrong });

interface Sides {
  readonly client: Client;
  readonly files: ProjectFiles;
  readonly storage: ProjectStorage;
}

async function reconcile(context: Context, known: Known, place: InPlace, sides: Sides): Promise<FilesTold> {
  const { log, signal } = context;
  const config = context.config("opening");
  const vault = await context.files();
  const keys = { trustedSigners: await trustedSigners(config), privateKey: await context.openingKey() };
  const verify = await manifestVerifier(config);
  const rows = await readRows(sides.client);
  // The newest, made while the incident was on or not: what was there shortly before the recovery.
  const [newest] = await firstFew(trustedSnapshots(vault, verify, { marked: "count" }), 1);
  const late = newest !== undefined && timeOfSet(newest.set) > known.unix * 1000;
  const before = late ? await openVaultSnapshot(vault, newest.set, keys) : undefined;
  const { alike, orphans } =
    before === undefined ? { alike: new Set<string>(), orphans: 0 } : await holdAgainst(before, rows);
  const suspects = [...rows.values()].filter(({ path }) => !alike.has(path));
  log.info(`Files: ${countOf(suspects.length, "row")} of ${rows.size} may have lost their bytes; asking for each.`);
  const width = context.config().policy.restoreFiles.requestsAtOnce;
  const there = await mapBounded(suspects, width, (row) => sides.files.isThere(row, signal));
  const lost = suspects.filter((_, index) => !there[index]);
  const told =
    before === undefined
      ? "no snapshot since the moment tells of them"
      : "their bytes stay, and nobody reaches them: nothing to do";
  const orphaned: FilesTold["rows"][number] = [
    "written since the moment (orphans)",
    before === undefined ? "not known" : String(orphans),
    told,
  ];
  if (lost.length === 0)
    return {
      sentence: "Every file has its bytes.",
      rows: [["rows without bytes", "0", "nothing"], orphaned],
      wrong: false,
    };
  const back = await bringBack(context, known, place, { ...sides, lost, keys, vault, verify });
  const older = back.already === 0 ? "" : ` ${back.already} had none before the moment either.`;
  return {
    sentence: `Of ${countOf(lost.length, "file")} without bytes ${back.brought} came back from the vault.${older}`,
    rows: [
      ["rows without bytes", String(lost.length), `${back.brought} brought back. ${back.note}`.trim()],
      ...alreadyRow(back.already),
      orphaned,
    ],
    wrong: back.brought + back.already < lost.length,
  };
}

/** No loss of this recovery's: the snapshot from before the moment knows of them. */
function alreadyRow(already: number): FilesTold["rows"] {
  return already === 0
    ? []
    : [["of them without bytes before the moment", String(already), "nothing here: each sync's report names how many"]];
}

interface Row {
  readonly path: string;
  readonly bucket: string;
  readonly name: string;
  readonly bytes: number;
  readonly eTag: string | null;
}

const rowSchema = z.array(
  z.object({ bucket: z.string(), name: z.string(), bytes: z.number(), eTag: z.string().nullable() }),
);

async function readRows(client: Client): Promise<Map<string, Row>> {
  const { rows } = await client.query(
    `select o.bucket_id as bucket, o.name, coalesce((o.metadata->>'size')::float8, 0) as bytes, o.metadata->>'eTag' as "eTag"
       from storage.objects o where o.bucket_id is not null and o.name is not null`,
  );
  return new Map(
    rowSchema.parse(rows).map((row) => {
      const path = `${row.bucket}/${row.name}`;
      return [path, { ...row, path }];
    }),
  );
}

/** `alike`: had its bytes shortly before, and the row is still of the same content. */
async function holdAgainst(before: SnapshotFiles, rows: ReadonlyMap<string, Row>) {
  const alike = new Set<string>();
  let orphans = 0;
  const bare = (tag: string | null): string | undefined => tag?.replaceAll('"', "");
  for await (const { bucket, name, bytes, eTag } of before.files()) {
    const path = `${bucket}/${name}`;
    const row = rows.get(path);
    if (row !== undefined && row.bytes === bytes && row.eTag !== null && bare(row.eTag) === bare(eTag)) alike.add(path);
    else orphans++;
  }
  return { alike, orphans };
}

interface Lost extends Sides {
  readonly lost: readonly Row[];
  readonly keys: Parameters<typeof openVaultSnapshot>[2];
  readonly vault: Parameters<typeof openVaultSnapshot>[0];
  readonly verify: Parameters<typeof findSnapshotFor>[2];
}

async function lostBefore(snapshot: SnapshotFiles, wanted: ReadonlyMap<string, Row>): Promise<number> {
  let already = 0;
  for await (const { bucket, name } of snapshot.lostFiles()) if (wanted.has(`${bucket}/${name}`)) already++;
  return already;
}

/** From the snapshot that is nearest to the moment; what that does not have with the same content is lost. */
async function bringBack(
  context: Context,
  known: Known,
  { api, ref }: InPlace,
  { lost, keys, vault, verify, files, storage }: Lost,
) {
  const { env, log, signal } = context;
  const { policy } = context.config();
  const snapshotAt = new Date(known.unix * 1000).toISOString();
  const { set } = await findSnapshotFor(vault, { set: "", snapshotAt }, verify);
  const snapshot = await openVaultSnapshot(vault, set, keys, await erasedFilesOf(context));
  const wanted = new Map(lost.map((row) => [row.path, row]));
  const list: string[] = [];
  for await (const { bucket, name, bytes } of snapshot.files())
    if (wanted.get(`${bucket}/${name}`)?.bytes === bytes) list.push(`${bucket}/${name}`);
  const already = list.length < lost.length ? await lostBefore(snapshot, wanted) : 0;
  const missing = lost.length - list.length - already;
  const gone =
    missing === 0
      ? ""
      : `${countOf(missing, "file")} ${missing === 1 ? "is" : "are"} in no snapshot of before the moment: lost.`;
  if (list.length === 0) return { brought: 0, already, note: gone };
  try {
    const result = await restoreFiles({
      ...{
        snapshot,
        choice: { ...everyFile, list },
        targetName: `project ${ref}`,
        prefix: storage.prefix,
        log,
        signal,
      },
      ...{ connect: () => connectAsOwner(api, ref, env, "files"), target: files, overwrite: false, dryRun: false },
      ...{
        sample: undefined,
        readAllBytes: policy.restoreFiles.readBackBytes,
        width: policy.restoreFiles.requestsAtOnce,
      },
    });
    const failed =
      result.outcome === "differs" || result.outcome === "unverified" ? ` Outcome: ${result.outcome}.` : "";
    return { brought: result.counts.sent, already, note: `${gone}${failed}`.trim() };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    return { brought: 0, already, note: `They could not be brought back: ${error.message} ${gone}`.trim() };
  }
}

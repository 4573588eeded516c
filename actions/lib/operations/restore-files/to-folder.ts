import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigurationError, errorCode, OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { failureOf } from "./file-failure.ts";
import { localPaths } from "./local-path.ts";
import { type Choice, Chooser } from "./selection.ts";
import { byObject, type SnapshotFile, type SnapshotFiles } from "./vault-snapshot.ts";
import type { FileDifference } from "./verify-files.ts";

export interface FolderTask {
  readonly snapshot: SnapshotFiles;
  readonly choice: Choice;
  readonly folder: string;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** What a restore into a folder tells: counts, ids and buckets, never a path of a file. */
export interface FolderResult {
  readonly outcome: "equal" | "differs" | "unverified" | "dry-run";
  readonly snapshot: string;
  readonly takenAt: string;
  readonly folder: string;
  readonly counts: {
    readonly chosen: number;
    readonly bytes: number;
    readonly written: number;
    readonly present: number;
    /** Files whose path is another than their name, because no file system could hold it. */
    readonly renamed: number;
  };
  readonly findings: readonly FileDifference[];
  /** What a person should know, sentences. */
  readonly notes: readonly string[];
}

interface PlacedFile extends SnapshotFile {
  readonly path: string;
}

/** Names of our own in the folder begin with `%`, which no bucket's can. */
export const indexName = "%files.ndjson";
const markName = "%snapshot.json";
const objectsAtOnce = 3;

/**
 * Writes the chosen files below a folder, each hashed on its way, and an index that says which path is which file and what
 * its row said. Only this user can read them. Nothing is written outside of the folder: paths are made of parts that cannot
 * climb, and links in it are refused.
 *
 * @throws ConfigurationError `folder-taken`, `folder-has-links`, `folder-differs`, `bucket-unknown`, `files-unknown`
 */
export async function restoreToFolder(task: FolderTask): Promise<FolderResult> {
  const { snapshot, folder, log, signal } = task;
  const placed = await choose(task);
  const plain = (file: PlacedFile): boolean => file.path === `${file.bucket}/${file.name}`;
  const head = {
    ...{ snapshot: snapshot.id, takenAt: snapshot.takenAt, folder },
    counts: {
      ...{ chosen: placed.length, bytes: placed.reduce((sum, { bytes }) => sum + bytes, 0), written: 0, present: 0 },
      renamed: placed.filter((file) => !plain(file)).length,
    },
  };
  await admitFolder(folder, snapshot.id);
  const missing = await compareFolder(placed, task);
  const counts = { ...head.counts, present: placed.length - missing.length };
  if (task.dryRun)
    return { ...head, counts: { ...counts, written: missing.length }, outcome: "dry-run", findings: [], notes: [] };
  await makeFolder(folder)
    .then(() => writeOwn(folder, markName, [JSON.stringify({ snapshot: snapshot.id })]))
    .catch((error: unknown) => {
      throw folderError(error);
    });

  const findings: FileDifference[] = [];
  let written = 0;
  const track = log.track("write files", {
    bytes: missing.reduce((sum, { bytes }) => sum + bytes, 0),
    items: missing.length,
  });
  const fail = ({ id, bucket }: SnapshotFile, error: unknown): void => {
    findings.push({ id, bucket, aspect: "bytes", verdict: "failed", why: failureOf(error).why });
  };
  await mapBounded(byObject(missing), objectsAtOnce, async (together) => {
    const left = new Set(together);
    try {
      for await (const { file, content } of snapshot.open(together, signal)) {
        await writeChecked(folder, file, content, (bytes) => track.advance({ bytes })).then(
          () => written++,
          (error: unknown) => {
            if (!(error instanceof OperationError)) throw error;
            fail(file, error);
          },
        );
        left.delete(file);
        track.advance({ items: 1 });
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ConfigurationError || isFull(error)) throw folderError(error);
      for (const file of left) fail(file, error);
    }
  });
  track.end(findings.length === 0 ? "done" : "failed");
  await writeOwn(folder, indexName, indexOf(placed)).catch((error: unknown) => {
    throw folderError(error);
  });
  return {
    ...head,
    counts: { ...counts, written },
    outcome: findings.length === 0 ? "equal" : "differs",
    findings,
    notes: [],
  };
}

async function choose({ snapshot, choice }: FolderTask): Promise<PlacedFile[]> {
  const chooser = new Chooser(choice);
  const chosen: SnapshotFile[] = [];
  for await (const file of snapshot.files()) if (chooser.wants(file)) chosen.push(file);
  chooser.refuseUnknown(snapshot.buckets.map(({ id }) => id));
  const paths = localPaths(chosen);
  return chosen.map((file, place) => ({ ...file, path: paths[place] ?? "" }));
}

/** A folder that does not exist, is empty, or is that of an earlier run for the same snapshot. */
async function admitFolder(folder: string, snapshot: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw folderError(error);
  });
  if (names.length === 0) return;
  const isFile = await lstat(join(folder, markName)).then(
    (state) => state.isFile() && state.size < 1000,
    () => false,
  );
  const mark = isFile ? await readFile(join(folder, markName), "utf8").catch(() => "") : "";
  if (mark === JSON.stringify({ snapshot })) return;
  throw new ConfigurationError(
    "folder-taken",
    "The folder is not empty, and it is not that of an interrupted restore of this snapshot.",
    "Name a new folder with --to.",
  );
}

/** The files that are not there yet. */
async function compareFolder(placed: readonly PlacedFile[], { folder, overwrite }: FolderTask): Promise<PlacedFile[]> {
  const missing: PlacedFile[] = [];
  const checked = new Set<string>();
  let different = 0;
  for (const file of placed) {
    await refuseLinks(folder, dirname(file.path), checked);
    const state = await lstat(join(folder, file.path)).catch(() => undefined);
    const same =
      state?.isFile() === true && state.size === file.bytes && (await hashOf(join(folder, file.path))) === file.sha256;
    if (same) continue;
    if (state !== undefined) different++;
    missing.push(file);
  }
  if (different > 0 && !overwrite) {
    throw new ConfigurationError(
      "folder-differs",
      `${different} of the files in the folder have other bytes than in the snapshot.`,
      "Name a new folder with --to, or give --overwrite.",
    );
  }
  return missing;
}

/** A link in place of a folder would lead the files elsewhere. */
async function refuseLinks(folder: string, below: string, checked: Set<string>): Promise<void> {
  if (below === "." || checked.has(below)) return;
  await refuseLinks(folder, dirname(below), checked);
  checked.add(below);
  const state = await lstat(join(folder, below)).catch(() => undefined);
  if (state === undefined || state.isDirectory()) return;
  throw new ConfigurationError(
    "folder-has-links",
    "In the folder something that is no folder (a link?) stands where one is needed.",
    "Name a new folder with --to.",
  );
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** Under another name until its last byte is there and is right. */
async function writeChecked(
  folder: string,
  file: PlacedFile,
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const path = join(folder, file.path);
  await makeFolder(dirname(path));
  const partial = join(folder, `%partial-${file.sha256.slice(0, 16)}-${file.id.replaceAll(/[^\w-]/g, "-")}`);
  await rm(partial, { force: true });
  const handle = await open(partial, "wx", 0o600);
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes(chunk.length);
      await handle.writeFile(chunk);
    }
    await handle.close();
    if (bytes !== file.bytes || hash.digest("hex") !== file.sha256)
      throw new OperationError("file-damaged", "its bytes are not those that the snapshot lists");
    await rename(partial, path);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

/** One line a file: where it lies, and what its row said. */
function* indexOf(placed: readonly PlacedFile[]): Generator<string, void, undefined> {
  for (let from = 0; from < placed.length; from += 1000) {
    const lines = placed.slice(from, from + 1000).map(({ object: _vault, userMetadata, ...file }) => {
      const json = JSON.stringify(file).slice(0, -1);
      return `${json},"userMetadata":${userMetadata ?? "null"}}
`;
    });
    yield lines.join("");
  }
}

/** A file of our own: made under another name first, so that a link that somebody laid in its place is not followed. */
async function writeOwn(folder: string, name: string, texts: Iterable<string>): Promise<void> {
  const partial = join(folder, `${name}.partial`);
  await rm(partial, { force: true });
  const handle = await open(partial, "wx", 0o600);
  try {
    for (const text of texts) await handle.appendFile(text);
    await handle.close();
    await rename(partial, join(folder, name));
  } catch (error) {
    // Left there, it would make the folder look like somebody else's.
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

/** Node's own way of making folders with all above them does not end where a system makes none, e.g. below /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    const above = dirname(path);
    if (errorCode(error) !== "ENOENT" || above === path) throw error;
    await makeFolder(above);
    await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
      // Another of the files below it was first.
      if (errorCode(again) !== "EEXIST") throw again;
    });
  }
}

function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(errorCode(error) ?? "");
}

function folderError(error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof ConfigurationError) return error;
  return isFull(error)
    ? new OperationError(
        "folder-full",
        "The disk of the folder is full.",
        "Make room, and run the same command again: it goes on where it stopped.",
      )
    : new ConfigurationError("folder-unusable", `The folder cannot be used (${code}).`, "Name another with --to.");
}

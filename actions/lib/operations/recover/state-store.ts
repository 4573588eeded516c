import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorCode, LifeboatError, OperationError } from "../../base/errors.ts";
import { isConditionFailed } from "../../s3/store-errors.ts";
import { setIdPattern } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Version, versionPages } from "../../vault/s3/versions.ts";

export interface StoredState {
  readonly bytes: Uint8Array;
}

export interface StoredVersions {
  readonly versions: readonly StoredState[];
  readonly mark: string | undefined;
  /** So many lie between those that were read, or are larger than any state: what they say is not known. */
  readonly unread: number;
  /** When something was written last, by the store's clock; undefined where it does not say. */
  readonly writtenAt: Date | undefined;
}

/** Where the states of recoveries lie: `recoveries/<id>/state.json.pgp` in a bucket, or below a folder. */
export interface StateStore {
  /** For people, e.g. `bucket qimma-database-backups`. */
  readonly where: string;
  /** Ids, newest first; also of those that somebody has hidden. */
  list(): Promise<string[]>;
  /** The versions that are there, and the mark on which the next write depends. */
  read(id: string): Promise<StoredVersions>;
  /**
   * @param mark of the last write that was seen; undefined: there must be none
   * @returns the mark of this write
   * @throws OperationError `recovery-taken` when another one came between; what the store throws
   */
  write(id: string, bytes: Uint8Array, mark: string | undefined): Promise<string>;
}

const recoveries = "recoveries/";
const name = "state.json.pgp";
const keyOf = (id: string, prefix = recoveries): string => `${prefix}${id}/${name}`;
/** No state is larger. A recovery writes two or three versions for each phase: so many of the oldest and of the newest are read. */
const most = { bytes: 1024 * 1024, versions: 200 } as const;

/** @param prefix for states of another kind, which no recovery takes up */
export function vaultStates(vault: Vault, prefix = recoveries): StateStore {
  return {
    where: `bucket ${vault.bucket}`,
    async list() {
      const ids = new Set<string>();
      for await (const { folders } of versionPages(vault.transport, prefix, { delimiter: "/" }))
        for (const folder of folders) ids.add(folder.slice(prefix.length, -1));
      return [...ids]
        .filter((id) => setIdPattern.test(id))
        .sort()
        .reverse();
    },
    async read(id) {
      const key = keyOf(id, prefix);
      const { ends, unread, writtenAt } = await endsOf(vault, key);
      const versions: StoredState[] = [];
      for (const { versionId } of ends) {
        const body = await vault.get(key, { versionId, maxBytes: most.bytes }).catch(unlessGone);
        if (body !== undefined) versions.push({ bytes: body.body });
      }
      const head = await vault.head(key);
      return { versions, mark: head?.etag, unread, writtenAt };
    },
    async write(id, bytes, mark) {
      assertReadable(id, bytes);
      const condition = mark === undefined ? { ifNoneMatch: true } : { ifMatch: mark };
      try {
        const contentType = "application/pgp-encrypted";
        return (await vault.put(keyOf(id, prefix), bytes, { ...condition, contentType })).etag;
      } catch (error) {
        throw isConditionFailed(error) ? taken(id, `bucket ${vault.bucket}`) : error;
      }
    },
  };
}

/**
 * The newest and the oldest versions: whoever lays others over a state, however many, leaves it among the oldest. Of no more than those is
 * kept while the list is read.
 */
async function endsOf(
  vault: Vault,
  key: string,
): Promise<{ readonly ends: Version[]; readonly unread: number; readonly writtenAt: Date | undefined }> {
  const newest: Version[] = [];
  const oldest: Version[] = [];
  let unread = 0;
  let writtenAt: Date | undefined;
  for await (const { versions } of versionPages(vault.transport, key))
    for (const version of versions) {
      if (version.key !== key || version.marker) continue;
      const { lastModified } = version;
      if (lastModified && (writtenAt === undefined || lastModified > writtenAt)) writtenAt = lastModified;
      if (version.bytes > most.bytes) unread++;
      else if (newest.length < most.versions) newest.push(version);
      else if (oldest.push(version) > most.versions) {
        oldest.shift();
        unread++;
      }
    }
  return { ends: [...newest, ...oldest], unread, writtenAt };
}

function unlessGone(error: unknown): undefined {
  if (error instanceof LifeboatError && ["s3-missing", "s3-too-large"].includes(error.code)) return undefined;
  throw error;
}

/** The same in a folder of this machine, for when no bucket can be written. */
export function folderStates(folder: string): StateStore {
  const pathOf = (id: string): string => join(folder, keyOf(id));
  const read = async (id: string): Promise<Buffer | undefined> => {
    try {
      return await readFile(pathOf(id));
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw unusable(folder, error);
    }
  };
  return {
    where: `folder ${folder}`,
    async list() {
      const names = await readdir(join(folder, recoveries)).catch(() => []);
      return names
        .filter((id) => setIdPattern.test(id))
        .sort()
        .reverse();
    },
    async read(id) {
      const bytes = await read(id);
      const versions = bytes === undefined ? [] : [{ bytes }];
      return { versions, mark: bytes && markOf(bytes), unread: 0, writtenAt: undefined };
    },
    async write(id, bytes, mark) {
      assertReadable(id, bytes);
      const now = await read(id);
      if ((now && markOf(now)) !== mark) throw taken(id, `folder ${folder}`);
      try {
        await mkdir(dirname(pathOf(id)), { recursive: true, mode: 0o700 });
        const beside = `${pathOf(id)}.${randomUUID()}`;
        await writeFile(beside, bytes, { mode: 0o600, flush: true });
        await rename(beside, pathOf(id));
      } catch (error) {
        throw unusable(folder, error);
      }
      return markOf(bytes);
    },
  };
}

/** What no later run would read must not take the place of what it would. @throws OperationError `state-too-large` */
function assertReadable(id: string, bytes: Uint8Array): void {
  if (bytes.length <= most.bytes) return;
  throw new OperationError(
    "state-too-large",
    `What recovery ${id} has to note is larger than a later run would read.`,
    "Tell Lifeboat's maintainers; what was done stays, and `lifeboat prove` compares it.",
  );
}

function markOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function unusable(folder: string, error: unknown): OperationError {
  return new OperationError(
    "state-folder",
    `The state of the recovery cannot be kept in ${folder}: ${errorCode(error) ?? "it cannot be written"}.`,
    "Give another folder (--state).",
    error,
  );
}

function taken(id: string, where: string): OperationError {
  return new OperationError(
    "recovery-taken",
    `Somebody else works on recovery ${id} too: its state in ${where} was written meanwhile.`,
    "Find out who, and let one of you go on: run the same command again.",
  );
}

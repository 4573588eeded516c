import { LifeboatError } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { SourceRow } from "../../../storage/rows.ts";
import { type ListReader, openList, readLayers } from "../../../vault/files/read-files.ts";
import type { StoredSnapshot } from "../../../vault/files/snapshot-catalogue.ts";
import type { SnapshotKeys } from "../../../vault/files/snapshot-keys.ts";
import {
  type FileEntry,
  isStored,
  pathOf,
  type StoredFile,
  type StoredObject,
  shardOf,
} from "../../../vault/format/snapshot-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { isRenamed, sameContent } from "../source/diff-shard.ts";
import { carriedOver, type LayerFacts } from "../store/publish.ts";
import { entryFor } from "./collect-changes.ts";

/** What the vault has of a file that the source has lost. */
export interface HeldCopy {
  /** Its entry, with the object that it names, where the last snapshot has the same content whole. */
  readonly kept?: { readonly entry: FileEntry; readonly object: StoredObject };
  /** For the finding. */
  readonly detail?: string;
  /** Nothing under its name: it may be there under an earlier one, which `underOtherNames` finds. */
  readonly unknown?: true;
}

/**
 * The copies that the last snapshot has of files that the source has lost. A run that compares with nothing would drop
 * them, and they may be the only ones left.
 */
export interface HeldCopies {
  copyOf(lost: SourceRow): Promise<HeldCopy>;
  /** Reads the whole list once, for files that were renamed since and then lost. @returns by path */
  underOtherNames(lost: readonly SourceRow[]): Promise<Map<string, HeldCopy>>;
  /** What binds the keys of earlier runs to their objects. */
  commitments(): LayerFacts["commitments"];
  /** What the run has to say of them. */
  warnings(): string[];
}

interface Opened {
  readonly list: ListReader;
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly commitments: LayerFacts["commitments"];
}

/** Why a list stays closed however often it is asked for: the keys at hand do not open it, or it is damaged. */
const closedCodes =
  /^(index-key-foreign|wrong-private-key|session-key-foreign|snapshot-damaged|(keys|sealed|compressed)-.+)$/;

/** Reads nothing before the first file is found to be lost. */
export function openHeldCopies(vault: Vault, { manifest }: StoredSnapshot, keys: SnapshotKeys): HeldCopies {
  const { set } = manifest;
  const whole = new Map<string, Promise<boolean>>();
  let opened: Opened | undefined;
  let shard: { readonly number: number; readonly entries: ReadonlyMap<string, FileEntry> } | undefined;
  let closed: string | undefined;
  const counts = { kept: 0, damaged: 0, closed: 0 };

  const open = async (): Promise<Opened> => {
    const layers = await readLayers(vault, manifest.layers);
    const { objects, commitments } = carriedOver(layers);
    const list = await openList(vault, layers, keys);
    return { list, objects: new Map(objects.map((object) => [object.key, object])), commitments };
  };
  /** Lost files come in the order of their shards: one is held. */
  const find = async (row: SourceRow): Promise<FileEntry | undefined> => {
    opened ??= await open();
    const number = shardOf(pathOf(row), opened.list.shards);
    if (shard?.number !== number) shard = { number, entries: await opened.list.shard(number) };
    return shard.entries.get(pathOf(row));
  };
  const isWhole = ({ key, segments }: StoredObject): Promise<boolean> => {
    const heads = async () =>
      Promise.all(segments.map(async (one) => (await vault.head(one.key))?.bytes === one.bytes));
    const known = whole.get(key) ?? heads().then((all) => all.every((here) => here));
    whole.set(key, known);
    return known;
  };
  const notOpened = (): HeldCopy => {
    counts.closed++;
    return { detail: `whether snapshot ${set} has a copy is not known; it is not in this snapshot` };
  };

  const close = (error: unknown): void => {
    if (!(error instanceof LifeboatError) || !closedCodes.test(error.code)) throw error;
    closed = error.message;
  };
  const take = async (row: SourceRow, old: StoredFile): Promise<HeldCopy> => {
    const object = opened?.objects.get(old.object);
    if (object === undefined || !(await isWhole(object))) {
      counts.damaged++;
      return { detail: `the copy that snapshot ${set} names is damaged` };
    }
    counts.kept++;
    const as = pathOf(old) === pathOf(row) ? "" : `, there ${pathOf(old)},`;
    return { kept: { entry: entryFor(row, old), object }, detail: `the copy of snapshot ${set}${as} is kept` };
  };

  return {
    async copyOf(row) {
      if (closed !== undefined) return notOpened();
      let old: FileEntry | undefined;
      try {
        old = await find(row);
      } catch (error) {
        close(error);
        return notOpened();
      }
      if (old === undefined) return row.id === null ? {} : { unknown: true };
      return isStored(old) && sameContent(row, old) ? take(row, old) : {};
    },
    async underOtherNames(lost) {
      const found = new Map<string, HeldCopy>();
      const byId = new Map(lost.map((row) => [row.id, row]));
      const { list } = opened ?? (await open());
      try {
        for (let number = 0; number < list.shards && byId.size > 0; number++) {
          for (const old of (await list.shard(number)).values()) {
            const row = byId.get(old.id);
            if (row === undefined || !isStored(old) || !isRenamed(row, old)) continue;
            byId.delete(old.id);
            found.set(pathOf(row), await take(row, old));
          }
        }
      } catch (error) {
        close(error);
        for (const row of byId.values()) found.set(pathOf(row), notOpened());
      }
      return found;
    },
    commitments: () => opened?.commitments ?? new Map(),
    warnings() {
      const told: string[] = [];
      const lost = (count: number): string =>
        countOf(count, "file that the source has lost", "files that the source has lost");
      if (counts.kept > 0) told.push(`${lost(counts.kept)}: the copy of snapshot ${set} is kept.`);
      if (counts.damaged > 0)
        told.push(`${lost(counts.damaged)}: the copy that snapshot ${set} names is damaged, and is not in this one.`);
      if (counts.closed > 0)
        told.push(
          `${lost(counts.closed)}: this snapshot has no copy. Snapshot ${set} may have, but its lists could not be read: ${closed} Keep that snapshot until they are restored from it.`,
        );
      return told;
    },
  };
}

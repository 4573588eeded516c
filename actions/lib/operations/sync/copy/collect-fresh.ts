import { type FileEntry, pathOf } from "../../../vault/format/file-entry.ts";
import type { Collection } from "./collect-changes.ts";
import type { CopyTask } from "./copier.ts";
import type { HeldCopies } from "./held-copies.ts";

interface OpenShard {
  readonly entries: FileEntry[];
  pending: number;
  read: boolean;
}

/** Lost files that wait until it is known whether the vault has them under another name; all of them are in memory. */
const mostStrays = 50_000;

/**
 * The tasks of a list that is begun anew: every file, shard by shard. A shard's list is written when the last of its files
 * is in the vault, so that never more than a few shards are in memory.
 * @param held the copies that an earlier snapshot has of files that turn out to be lost
 * @returns the tasks, and what ends the base when all of them are done
 */
export function collectFresh(collection: Collection, shards: number, held?: HeldCopies) {
  const { source, ledger, lists, inherited, mine } = collection;
  const open = new Map<number, OpenShard>();
  const written = new Set<number>();
  const strays: FileEntry[] = [];

  const writeIfWhole = async (number: number): Promise<void> => {
    const shard = open.get(number);
    if (shard === undefined || !shard.read || shard.pending > 0) return;
    open.delete(number);
    written.add(number);
    await lists.shard(number, shard.entries);
  };
  async function* tasks(): AsyncGenerator<CopyTask, void, undefined> {
    for await (const { shard: number, rows } of source.rows(shards)) {
      const shard: OpenShard = { entries: [], pending: 0, read: false };
      open.set(number, shard);
      const settle = async (entry: FileEntry | undefined): Promise<void> => {
        shard.pending--;
        if (entry !== undefined && ledger.settle(undefined, entry)) shard.entries.push(entry);
        await writeIfWhole(number);
      };
      const settleMissing = async (entry: FileEntry | undefined): Promise<string | undefined> => {
        const copy = entry === undefined ? undefined : await held?.copyOf(entry);
        if (copy?.kept !== undefined) ledger.addObject(copy.kept.object);
        if (entry !== undefined && copy?.unknown === true && strays.length < mostStrays) {
          // Its shard does not wait for it: the entry comes after the lists of the base.
          strays.push(entry);
          await settle(undefined);
        } else await settle(copy?.kept?.entry ?? entry);
        return copy?.detail;
      };
      for (const row of rows) {
        if (!mine(row)) continue;
        shard.pending++;
        const known = inherited(row);
        if (known !== undefined) await settle(known);
        else yield { row, onMissing: settleMissing, onStored: settle };
      }
      shard.read = true;
      await writeIfWhole(number);
    }
  }
  return {
    tasks: tasks(),
    /** Lists of shards in which there is no file; and lost files whose name the vault does not know. @param named what is found of them */
    async finish(named: (path: string, detail: string) => void): Promise<void> {
      for (let number = 0; number < shards; number++) if (!written.has(number)) await lists.shard(number, []);
      const copies = strays.length === 0 ? undefined : await held?.underOtherNames(strays);
      for (const lost of strays) {
        const copy = copies?.get(pathOf(lost));
        if (copy?.detail !== undefined) named(pathOf(lost), copy.detail);
        if (copy?.kept !== undefined) ledger.addObject(copy.kept.object);
        const entry = copy?.kept?.entry ?? lost;
        if (ledger.settle(undefined, entry)) await lists.change(entry);
      }
    },
  };
}

import type { SourceRow } from "../../storage/rows.ts";
import { openList } from "../../vault/files/read-files.ts";
import { type FileEntry, pathOf } from "../../vault/format/snapshot-manifest.ts";
import { type Collection, collectChanges, shardsOf } from "./copy/collect-changes.ts";
import { type CopyTask, copyFiles } from "./copy/copier.ts";
import type { HeldCopies } from "./copy/held-copies.ts";
import { namingUncarried, openLedger } from "./copy/ledger.ts";
import type { SyncResult } from "./request.ts";
import { sameContent } from "./source/diff-shard.ts";
import { defaultPatience } from "./source/fetch-file.ts";
import { findOrphans } from "./source/source.ts";
import { openJournal } from "./store/journal.ts";
import type { SyncFacts, Tools, Writing } from "./writing.ts";

const noLists: Collection["lists"] = { async shard() {}, async change() {} };

/** Copies what the vault does not have, and notes every file in the lists. */
export async function copyIntoLists(writing: Writing, tools: Tools): Promise<void> {
  const { request, plan, source, endpoint, tally, stop, unfinished, held } = writing;
  const { lists, ledger, store, keys, seen } = tools;
  const { part, log, config } = request;
  const collection: Collection = {
    ...{ source, ledger: namingUncarried(ledger, tally) },
    // A part of a divided copy keeps a journal and no lists.
    lists: part === undefined ? lists : noLists,
    inherited(row: SourceRow) {
      const known = unfinished.inheritance.entries.get(pathOf(row));
      if (known === undefined || !sameContent(row, known)) return undefined;
      seen.filesCopied++;
      seen.bytesCopied += BigInt(known.bytes);
      seen.inheritedBytes += BigInt(known.bytes);
      return { ...known, ...row, mimetype: row.mimetype ?? known.mimetype };
    },
    sparse: plan.kind === "changes" ? plan.sparse : new Set(),
    mine: (row) => part === undefined || part.has(row),
  };
  for (const object of unfinished.inheritance.objects.values()) ledger.addObject(object);
  const fresh = plan.kind === "fresh" ? collectFresh(collection, plan.shards, held) : undefined;
  const tasks = fresh?.tasks ?? (await changesOf(writing, collection, seen.renames, lists));
  const journal = openJournal(store, keys);
  const track = log.track("files", undefined);
  try {
    await copyFiles(tasks, {
      fetcher: {
        ...{ endpoint, patience: request.patience ?? defaultPatience, signal: stop.signal },
        onBytes: (bytes) => tally.read(bytes),
      },
      ...{ store, policy: config.policy.storage, lookUp: source.lookUp, tally, track },
      async onObject(object, entries) {
        await journal.note(object, entries);
        ledger.addObject(object);
        seen.filesCopied += entries.length;
        seen.bytesCopied += BigInt(object.fileBytes);
      },
      onFailure: (error) => stop.now(error),
    });
    stop.signal.throwIfAborted();
    if (part === undefined) await fresh?.finish((path, detail) => tally.amend(path, detail));
    for (const warning of held?.warnings() ?? []) {
      writing.warnings.push(warning);
      log.warn(warning);
    }
    track.end("done");
  } catch (error) {
    track.end("failed");
    throw error;
  }
}

/** Looks in Storage for files that the database knows nothing of. */
export async function audit({ endpoint, source, plan, tally, stop }: Writing): Promise<void> {
  if (source.list === "endpoint") return; // what the endpoint lists is all that is known
  await findOrphans(endpoint, source.buckets, source.rows(plan.shards), source.lookUp, tally, stop.signal);
}

/** Says what a sync would do: reads the lists, no content, and writes nothing. */
export async function rehearse(facts: SyncFacts): Promise<SyncResult> {
  const { set, vault, plan, source, startedAt, stages, warnings, alarms } = facts;
  const ledger = openLedger(plan.kind === "fresh" ? [] : plan.last.head.inBuckets, plan.shards);
  const renames = { count: 0 };
  const collection: Collection = {
    ...{ source, ledger, lists: noLists },
    inherited: () => undefined,
    sparse: plan.kind === "changes" ? plan.sparse : new Set(),
    mine: () => true,
  };
  let filesCopied = 0;
  let bytesCopied = 0n;
  const fresh = plan.kind === "fresh" ? collectFresh(collection, plan.shards).tasks : undefined;
  const tasks = plan.kind === "unchanged" ? [] : (fresh ?? (await changesOf(facts, collection, renames)));
  for await (const { row } of tasks) {
    filesCopied++;
    bytesCopied += BigInt(row.rowBytes ?? 0);
  }
  return {
    ...{ outcome: "rehearsed", set, bucket: vault.bucket, warnings, alarms, stages: stages.taken, list: source.list },
    previous: plan.kind === "fresh" ? null : plan.last.stored.manifest.set,
    databaseSet: null,
    snapshotAt: source.takenAt.toISOString(),
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    counts: {
      ...{
        buckets: source.buckets.length,
        files: ledger.files + filesCopied,
        bytes: String(BigInt(ledger.bytes) + bytesCopied),
      },
      ...{ filesCopied, bytesCopied: String(bytesCopied), filesChanged: ledger.filesChanged + filesCopied },
      ...{ filesRemoved: ledger.filesRemoved - renames.count, filesRenamed: renames.count },
      ...{ egressBytes: "0", storedBytes: "0", findings: {} },
    },
    inBuckets: ledger.inBuckets(source.buckets),
    failure: null,
  };
}

/**
 * The tasks of a list that is compared with the last one.
 * @param lists where the old list is written anew under the changes; a rehearsal writes none
 */
async function changesOf(
  { plan, vault }: SyncFacts,
  collection: Collection,
  renames: { count: number },
  lists?: Tools["lists"],
): Promise<AsyncIterable<CopyTask>> {
  if (plan.kind !== "changes") throw new Error("nothing is compared");
  const { last, only, shards, rebase } = plan;
  const wanted = rebase || only === undefined ? undefined : new Set(only);
  const list = await openList(vault, await last.layers(), last.keys, wanted);
  if (rebase && lists !== undefined) {
    const of = shardsOf(list, shards);
    for (let number = 0; number < shards; number++) await lists.shard(number, (await of(number)).values());
  }
  return collectChanges(collection, list, shards, only, renames);
}

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

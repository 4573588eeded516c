import type { SourceRow } from "../../storage/rows.ts";
import { openList } from "../../vault/files/read-files.ts";
import { pathOf } from "../../vault/format/file-entry.ts";
import { collectChanges, shardsOf } from "./copy/collect-changes.ts";
import { collectFresh } from "./copy/collect-fresh.ts";
import type { Collection } from "./copy/collection.ts";
import { type CopyTask, copyFiles } from "./copy/copier.ts";
import { namingUncarried } from "./copy/uncarried-metadata.ts";
import { findOrphans } from "./source/audit.ts";
import { sameContent } from "./source/diff-shard.ts";
import { defaultPatience } from "./source/fetch-file.ts";
import { openJournal } from "./store/journal.ts";
import type { Tools, Writing } from "./writing.ts";

/** Copies what the vault does not have, and notes every file in the lists. */
export async function copyIntoLists(writing: Writing, tools: Tools): Promise<void> {
  const { request, plan, source, endpoint, tally, stop, unfinished, held } = writing;
  const { lists, ledger, store, keys, seen } = tools;
  const { part, log, config } = request;
  const collection: Collection = {
    ...{ source, ledger: namingUncarried(ledger, tally) },
    // A part of a divided copy keeps a journal and no lists.
    lists: part === undefined ? lists : { async shard() {}, async change() {} },
    inherited(row: SourceRow) {
      const known = unfinished.inheritance.entries.get(pathOf(row));
      if (known === undefined || !sameContent(row, known)) return undefined;
      seen.filesCopied++;
      seen.bytesCopied += BigInt(known.bytes);
      return { ...known, ...row, mimetype: row.mimetype ?? known.mimetype };
    },
    sparse: plan.kind === "changes" ? plan.sparse : new Set(),
    mine: (row) => part === undefined || part.has(row),
  };
  for (const object of unfinished.inheritance.objects.values()) ledger.addObject(object);
  const fresh = plan.kind === "fresh" ? collectFresh(collection, plan.shards, held) : undefined;
  const tasks = fresh?.tasks ?? (await changeTasks(writing, tools, collection));
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

async function changeTasks(
  { plan, vault }: Writing,
  { lists, seen }: Tools,
  collection: Collection,
): Promise<AsyncIterable<CopyTask>> {
  if (plan.kind !== "changes") throw new Error("nothing is compared");
  const { last, only, shards, rebase } = plan;
  const wanted = rebase || only === undefined ? undefined : new Set(only);
  const list = await openList(vault, await last.layers(), last.keys, wanted);
  if (rebase) {
    const of = shardsOf(list, shards);
    for (let number = 0; number < shards; number++) await lists.shard(number, (await of(number)).values());
  }
  return collectChanges(collection, list, shards, only, seen.renames);
}

/** Looks in Storage for files that the database knows nothing of. */
export async function audit({ endpoint, source, plan, tally, stop }: Writing): Promise<void> {
  if (source.list === "endpoint") return; // what the endpoint lists is all that is known
  await findOrphans(endpoint, source.buckets, source.rows(plan.shards), source.lookUp, tally, stop.signal);
}

import { openList } from "../../vault/files/read-files.ts";
import { collectChanges } from "./copy/collect-changes.ts";
import { collectFresh } from "./copy/collect-fresh.ts";
import type { Collection } from "./copy/collection.ts";
import type { CopyTask } from "./copy/copier.ts";
import { openLedger } from "./copy/ledger.ts";
import type { SyncResult } from "./result.ts";
import type { SyncFacts } from "./writing.ts";

/** Says what a sync would do: reads the lists, no content, and writes nothing. */
export async function rehearse(facts: SyncFacts): Promise<SyncResult> {
  const { set, vault, plan, source, startedAt, stages, warnings, alarms } = facts;
  const ledger = openLedger(plan.kind === "fresh" ? [] : plan.last.head.inBuckets, plan.shards);
  const renames = { count: 0 };
  const collection: Collection = {
    ...{ source, ledger, lists: { async shard() {}, async change() {} } },
    inherited: () => undefined,
    sparse: plan.kind === "changes" ? plan.sparse : new Set(),
    mine: () => true,
  };
  let filesCopied = 0;
  let bytesCopied = 0n;
  for await (const { row } of await tasksOf(facts, collection, renames)) {
    filesCopied++;
    bytesCopied += BigInt(row.rowBytes ?? 0);
    facts.request.onToCopy?.(row);
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

async function tasksOf(
  { plan, vault }: SyncFacts,
  collection: Collection,
  renames: { count: number },
): Promise<AsyncIterable<CopyTask>> {
  if (plan.kind === "fresh") return collectFresh(collection, plan.shards).tasks;
  if (plan.kind === "unchanged") return nothing();
  const { last, only, shards, rebase } = plan;
  const wanted = rebase || only === undefined ? undefined : new Set(only);
  const list = await openList(vault, await last.layers(), last.keys, wanted);
  return collectChanges(collection, list, shards, only, renames);
}

async function* nothing(): AsyncGenerator<CopyTask, void, undefined> {}

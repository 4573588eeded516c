import { keysFileName } from "../../seal/keys/session-key.ts";
import { madeUnder } from "../../vault/format/manifest.ts";
import { journalPrefix, runOfObject, snapshotPrefix } from "../../vault/format/names.ts";
import { type SnapshotManifest, sessionKeyCommitments } from "../../vault/format/snapshot-manifest.ts";
import { firstOf, trustedSnapshots } from "../../vault/standing.ts";
import { lockPublishedSnapshot } from "../retention/locks.ts";
import { openLedger } from "./copy/ledger.ts";
import { audit, copyIntoLists } from "./fill-lists.ts";
import type { SyncResult } from "./request.ts";
import { boundVanishing, failureOf } from "./source/tally.ts";
import { type ListWriter, openListWriter, openObjectStore, openRunKeys } from "./store/object-store.ts";
import {
  carriedOver,
  publishSnapshot,
  storeFindings,
  storeHead,
  storeLayer,
  storeRecoverPage,
} from "./store/publish.ts";
import type { SyncFacts, Tools, Writing } from "./writing.ts";

/** Copies, writes the lists, and publishes. */
export async function writeSnapshot(writing: Writing): Promise<SyncResult> {
  const { stages, request, plan, ready, vault, set, stop } = writing;
  const { policy } = request.config;
  const keys = openRunKeys(vault, set, ready.signing, ready.keys.recipients, stop.signal);
  const store = openObjectStore(vault, keys, policy.vault, stop.signal);
  const isBase = plan.kind === "fresh" || (plan.kind === "changes" && plan.rebase);
  const tools: Tools = {
    ...{ keys, store },
    ledger: openLedger(plan.kind === "fresh" ? [] : plan.last.head.inBuckets, plan.shards),
    lists: openListWriter(store, isBase ? plan.shards : 0),
    seen: { filesCopied: 0, bytesCopied: 0n, inheritedBytes: 0n, renames: { count: 0 } },
  };
  if (plan.kind !== "unchanged") await stages.write("copy", () => copyIntoLists(writing, tools));
  if (request.audit === true) await stages.write("audit", () => audit(writing));
  if (request.part !== undefined) return resultOf(writing, tools, "part", countsOf(writing, tools));
  const manifest = await stages.write("publish", () => publish(writing, tools));
  return resultOf(writing, tools, "published", manifest.counts, manifest.finishedAt);
}

async function publish(writing: Writing, tools: Tools): Promise<SnapshotManifest> {
  const { request, plan, ready, vault, set, source, startedAt, lease, stop, last, tally } = writing;
  const { keys, store, ledger, lists } = tools;
  const { policy, projectRef, version } = request.config;
  const before = plan.kind === "fresh" ? undefined : plan.last;
  // Of what an incident has left this run may go on, and is not measured by it: else files that vanished during it would be gone from
  // the newest good snapshot without a word.
  const good =
    last?.manifest.incident === undefined ? last?.manifest : await firstOf(trustedSnapshots(vault, writing.verify));
  const missing = Math.max(0, (good?.counts.files ?? 0) - ledger.files);
  const isAfterLast = plan.kind !== "fresh" && good === last?.manifest;
  const removed = isAfterLast ? ledger.filesRemoved - tools.seen.renames.count : missing;
  const mark = await writing.incident.mark();
  // What an incident has left is worth keeping as it is: under its mark it takes no good snapshot's place.
  const accept = request.acceptShrinkage === true || mark !== undefined;
  boundVanishing(good, removed, policy.storage, accept, writing.warnings);
  await keys.storeIndexKey();
  const layers = await storeList(writing, tools, await lists.finish());
  const head = await storeHead(store, {
    format: "lifeboat-files-head/1",
    projectRef,
    buckets: [...source.buckets],
    policies: source.policies,
    shards: plan.shards,
    sumsOver: source.sumsOver,
    sums: [...plan.sums],
    lookAgain: ledger.lookAgain(),
    inBuckets: ledger.inBuckets(source.buckets),
  });
  const findings = await storeFindings(store, tally.findings);
  const recover = await storeRecoverPage(store);
  const manifest = await publishSnapshot(
    vault,
    {
      format: "lifeboat-files/1",
      set,
      tier: request.tier,
      startedAt: startedAt.toISOString(),
      snapshotAt: source.takenAt.toISOString(),
      finishedAt: new Date().toISOString(),
      previous: before?.stored.manifest.set ?? null,
      databaseSet: request.within?.databaseSet ?? null,
      source: { projectRef, list: source.list },
      software: { lifeboat: version, node: process.version },
      sealing: {
        format: "openpgp-seipd1-aes256",
        compression: "zstd",
        recipients: ready.keys.recipients.map(({ role, fingerprint }) => ({ role, fingerprint })),
        indexKeyCommitment: keys.indexKeyCommitment,
        indexKeySigner: keys.indexKeySigner,
      },
      counts: countsOf(writing, tools),
      ...madeUnder(policy),
      ...(mark !== undefined && { incident: mark }),
      ...{ head, findings, layers, recover },
    },
    ready.signing,
    lease,
    stop.signal,
  );
  const used = new Set(ledger.objects().flatMap(({ segments }) => segments.map(({ key }) => key)));
  await lockStored(writing, manifest, used);
  return manifest;
}

/**
 * What this run has stored and taken over, and the snapshot names: the rest is for retention to remove. A run that dies here
 * leaves a snapshot that the next look at the locks completes.
 * @param used keys of packs and large files
 */
async function lockStored(
  { request, vault, set, ready, unfinished }: Writing,
  manifest: SnapshotManifest,
  used: ReadonlySet<string>,
): Promise<void> {
  const { storage, tiers } = request.config.policy;
  if (!ready.bucketLocks || tiers[manifest.tier].lock === "none") return;
  const keys = [...used];
  for await (const { key } of vault.list(snapshotPrefix(set))) if (!key.startsWith(journalPrefix(set))) keys.push(key);
  const origins = new Set([...used].map(runOfObject));
  for (const run of unfinished.runs) if (origins.has(run)) keys.push(snapshotPrefix(run) + keysFileName);
  const from = new Date(manifest.finishedAt);
  const keepDays = tiers[manifest.tier].retentionDays;
  await lockPublishedSnapshot(vault, { set, keys, from, keepDays, lockDays: storage.retention.lockDays });
}

/** @returns the layers that the manifest names: the last one's where the list is the same */
async function storeList(
  { plan, unfinished, held }: Writing,
  { keys, store, ledger }: Tools,
  lists: Awaited<ReturnType<ListWriter["finish"]>>,
): Promise<SnapshotManifest["layers"]> {
  const own = keys.sessionKeyCommitment();
  const commitments = new Map([...unfinished.inheritance.origins, ...(own === null ? [] : [[keys.run, own] as const])]);
  const [objects, uses] = [ledger.objects(), ledger.uses()];
  if (plan.kind === "fresh") {
    const all = new Map([...(held?.commitments() ?? []), ...commitments]);
    return storeLayer(store, keys, [], { shards: plan.shards, lists, objects, uses, commitments: all });
  }
  const named = plan.last.stored.manifest.layers;
  if (plan.kind === "unchanged" || (lists.length === 0 && !plan.rebase)) return named;
  if (!plan.rebase) {
    const all = new Map([...sessionKeyCommitments(await plan.last.layers()), ...commitments]);
    return storeLayer(store, keys, named, { shards: 0, lists, objects, uses, commitments: all });
  }
  const carried = carriedOver(await plan.last.layers());
  const all = {
    objects: [...carried.objects, ...objects],
    commitments: new Map([...carried.commitments, ...commitments]),
  };
  return storeLayer(store, keys, [], { shards: plan.shards, lists, uses, ...all });
}

function countsOf(
  { request, source, plan, tally }: Writing,
  { ledger, store, seen }: Tools,
): SnapshotManifest["counts"] {
  const fresh = plan.kind === "fresh";
  return {
    buckets: source.buckets.length,
    files: ledger.files,
    bytes: String(ledger.bytes),
    filesCopied: seen.filesCopied,
    bytesCopied: String(seen.bytesCopied),
    filesChanged: ledger.filesChanged,
    filesRemoved: fresh ? 0 : ledger.filesRemoved - seen.renames.count,
    filesRenamed: seen.renames.count,
    egressBytes: String(BigInt(tally.egressBytes) + (request.inParts === true ? seen.inheritedBytes : 0n)),
    storedBytes: String(store.storedBytes),
    findings: tally.count(),
  };
}

function resultOf(
  { request, set, vault, plan, source, startedAt, stages, warnings, alarms }: SyncFacts,
  { ledger }: Pick<Tools, "ledger">,
  outcome: SyncResult["outcome"],
  counts: SyncResult["counts"],
  finishedAt = new Date().toISOString(),
): SyncResult {
  return {
    ...{
      outcome,
      set,
      bucket: vault.bucket,
      counts,
      finishedAt,
      warnings,
      alarms,
      stages: stages.taken,
      list: source.list,
    },
    previous: plan.kind === "fresh" ? null : plan.last.stored.manifest.set,
    databaseSet: request.within?.databaseSet ?? null,
    snapshotAt: source.takenAt.toISOString(),
    startedAt: startedAt.toISOString(),
    inBuckets: ledger.inBuckets(source.buckets),
    failure: failureOf(counts.findings, request.config.policy.storage),
  };
}

import { type CompactionPolicy, planCompaction } from "../../policy/compaction.ts";
import type { ShardSum } from "../../storage/rows.ts";
import { readHead, readLayers } from "../../vault/files/read-files.ts";
import type { StoredSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { recipientKeys, type SnapshotKeys, signerKeys } from "../../vault/files/snapshot-keys.ts";
import { type Head, type Layer, livingObjects } from "../../vault/format/snapshot-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { StorageReady } from "../check/run-storage-preflight.ts";
import type { SyncRequest } from "./request.ts";
import type { SyncSource } from "./source/source.ts";
import { shardsFor, wantsNewBase } from "./store/publish.ts";

/** The last snapshot, opened as far as the sync may. */
export interface Last {
  readonly stored: StoredSnapshot;
  readonly head: Head;
  readonly keys: SnapshotKeys;
  layers(): Promise<Layer[]>;
}

/** What is to be done with the list. */
export type ListPlan =
  /** Everything anew: there is nothing to compare with, or nothing is to be compared. */
  | { readonly kind: "fresh"; readonly shards: number; readonly sums: readonly ShardSum[] }
  /** Nothing is other than in the last snapshot. */
  | { readonly kind: "unchanged"; readonly shards: number; readonly sums: readonly ShardSum[]; readonly last: Last }
  /** `only`: the shards that are to be looked at; undefined: all. `rebase`: the old list is written anew under the changes. */
  | {
      readonly kind: "changes";
      readonly shards: number;
      readonly sums: readonly ShardSum[];
      readonly last: Last;
      readonly only: readonly number[] | undefined;
      readonly rebase: boolean;
      /** Packs whose living files are copied anew; only where the list is written anew. */
      readonly sparse: ReadonlySet<string>;
    };

/** The keys by which this job opens lists of earlier runs. */
export function keysOfLists(vault: Vault, ready: StorageReady, request: SyncRequest): SnapshotKeys {
  const { opening, formerSigning = [] } = request;
  const further = opening === undefined ? undefined : recipientKeys(vault, opening, ready.keys.signers);
  return signerKeys([ready.signing, ...formerSigning], further);
}

/** @throws ConfigurationError `index-key-foreign` when the last snapshot's lists are closed to this job */
export async function openLast(
  vault: Vault,
  stored: StoredSnapshot,
  ready: StorageReady,
  request: SyncRequest,
): Promise<Last> {
  const keys = keysOfLists(vault, ready, request);
  let layers: Promise<Layer[]> | undefined;
  return {
    stored,
    keys,
    head: await readHead(vault, stored.manifest, keys),
    layers() {
      layers ??= readLayers(vault, stored.manifest.layers);
      return layers;
    },
  };
}

/** Compares the source's sums with the last snapshot's. One query where nothing has changed. */
export async function planList(
  source: SyncSource,
  last: Last | undefined,
  signer: string,
  compaction: CompactionPolicy,
): Promise<ListPlan> {
  if (last === undefined) {
    const total = await source.sums(1);
    const shards = shardsFor(total?.[0]?.[0] ?? source.files ?? 0);
    return { kind: "fresh", shards, sums: shards === 1 ? (total ?? []) : ((await source.sums(shards)) ?? []) };
  }
  const { head, stored } = last;
  const sums = await source.sums(head.shards);
  const comparable = sums !== undefined && head.sumsOver === source.sumsOver && head.sums.length === sums.length;
  const only = comparable ? otherShards(head, sums) : undefined;
  if (only?.length === 0 && stored.manifest.sealing.indexKeySigner === signer)
    return { kind: "unchanged", shards: head.shards, sums: sums ?? [], last };
  const layers = await last.layers();
  const entries = (lists: Layer["lists"]): number => lists.reduce((sum, list) => sum + list.entries, 0);
  const size = {
    base: entries(layers[0]?.lists.slice(0, layers[0].shards) ?? []),
    changes: layers.reduce((sum, layer) => sum + entries(layer.lists.slice(layer.shards)), 0),
    ...{ layers: layers.length, shards: head.shards },
  };
  // Lists that another signing key opens are written anew, so that the next run needs that key no more.
  const foreign = layers.some(({ indexKeySigner }) => indexKeySigner !== signer);
  if (!foreign && !wantsNewBase(size))
    return { kind: "changes", shards: head.shards, sums: sums ?? [], last, only, rebase: false, sparse: new Set() };
  // The whole list is read and written anyway: now it costs no more to look where the files of sparse packs stand.
  const sparse = planCompaction(livingObjects(layers), compaction).packs;
  const files = sums?.reduce((sum, [rows]) => sum + rows, 0) ?? source.files ?? size.base;
  const shards = shardsFor(files);
  const rewrite = { kind: "changes", shards, last, rebase: true, sparse } as const;
  const some = sparse.size > 0 ? undefined : only;
  if (shards === head.shards) return { ...rewrite, sums: sums ?? [], only: some };
  const again = (await source.sums(shards)) ?? [];
  return { ...rewrite, sums: again, only: some && sameRange(some, head.shards, shards) };
}

function otherShards(head: Head, sums: readonly ShardSum[]): number[] {
  const again = new Set(head.lookAgain);
  return sums.flatMap(([rows, sum], number) => {
    const before = head.sums[number];
    return again.has(number) || before?.[0] !== rows || before[1] !== sum ? [number] : [];
  });
}

/** Shards are ranges of a hash: those of another number that cover the same. */
function sameRange(only: readonly number[], from: number, to: number): number[] {
  const found = new Set<number>();
  for (const number of only) {
    const first = Math.floor((number * to) / from);
    const end = Math.max(first + 1, Math.floor(((number + 1) * to) / from));
    for (let one = first; one < end; one++) found.add(one);
  }
  return [...found].sort((a, b) => a - b);
}

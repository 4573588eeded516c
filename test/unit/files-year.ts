import { createHash, randomBytes, randomUUID } from "node:crypto";
import { storageRetentionPolicySchema } from "../../actions/lib/config/policy/storage.ts";
import { openLedger } from "../../actions/lib/operations/sync/copy/ledger.ts";
import type { SyncSource } from "../../actions/lib/operations/sync/source/source.ts";
import { openListWriter } from "../../actions/lib/operations/sync/store/object-store.ts";
import { carriedOver, storeHead, storeLayer } from "../../actions/lib/operations/sync/store/publish.ts";
import { type Last, planList } from "../../actions/lib/operations/sync/sync-state.ts";
import { type CompactionPolicy, compactionThatPays } from "../../actions/lib/policy/compaction.ts";
import { planFiles } from "../../actions/lib/policy/files-retention.ts";
import type { NamingSnapshot } from "../../actions/lib/policy/names.ts";
import { tierDue } from "../../actions/lib/policy/period.ts";
import type { RetentionFacts } from "../../actions/lib/policy/retention.ts";
import type { ShardSum } from "../../actions/lib/storage/rows.ts";
import { neededObjects } from "../../actions/lib/vault/files/read-files.ts";
import { fileKey, packEntry, packKey } from "../../actions/lib/vault/format/names.ts";
import {
  type FileEntry,
  fileEntrySchema,
  type Layer,
  layerSchema,
  pathOf,
  shardOf,
} from "../../actions/lib/vault/format/snapshot-manifest.ts";
import { type CountingVault, openCountingVault } from "./counting-vault.ts";

/** A project whose files change every day alike. */
export interface Project {
  readonly files: number;
  /** Sizes spread around it as those of documents do: many small ones, few large ones. */
  readonly meanBytes: number;
  /** Share of the files that one day replaces, adds or removes. */
  readonly dailyShare: number;
  readonly tiers: Record<NamingSnapshot["tier"], { readonly retentionDays: number }>;
}

export interface Year {
  /** Contents of the files, when the year began and of all that came in it. */
  readonly firstBytes: number;
  readonly changedBytes: number;
  /** What the first sync and those of the year stored. */
  readonly firstStored: number;
  readonly addedStored: number;
  /** Of it: living files of sparse packs, copied anew. */
  readonly recopied: number;
  /** What the vault has at the end, when the policy's retention is done. */
  readonly heldStored: number;
  readonly newBases: number;
}

const MiB = 1024 * 1024;
const limits = { small: 4 * MiB, pack: 24 * MiB, part: 8 * MiB };
const retention = storageRetentionPolicySchema.parse({});

interface State {
  readonly files: Map<string, FileEntry>;
  sums: ShardSum[];
  last: Last | undefined;
  layers: Layer[];
}

/**
 * 365 daily syncs of a made-up project. What is decided and what is written of lists, layers, heads and manifests is the
 * real thing, sealed; only the contents are sizes without bytes.
 * @param sealedShare stored bytes of a pack for each byte of its contents, as measured
 */
export async function simulateYear(project: Project, sealedShare: number): Promise<Year> {
  const { files, meanBytes, dailyShare, tiers } = project;
  const compaction = compactionThatPays(retention, tiers);
  const vault = await openCountingVault();
  const state: State = { files: new Map(), sums: [], last: undefined, layers: [] };
  const snapshots: NamingSnapshot[] = [];
  const year = { firstBytes: 0, changedBytes: 0, firstStored: 0, recopied: 0, newBases: 0 };
  let next = 0;
  let newest: Date | undefined;
  let now = new Date();
  for (let day = 0; day <= 365; day++) {
    now = new Date(Date.UTC(2026, 0, 1 + day, 4));
    const names: string[] = [];
    const gone: FileEntry[] = [];
    if (day === 0) while (names.length < files) names.push(`student-${next % 5000}/answer-${next++}.pdf`);
    else {
      const there = [...state.files.values()];
      const some = new Set(Array.from({ length: files * dailyShare }, () => there[random(there.length)]));
      // Of ten, seven are replaced, one or two are removed and as many are new.
      for (const file of some) {
        const kind = random(20);
        if (file !== undefined && kind < 17) names.push(file.name);
        else if (file !== undefined) gone.push(file);
        if (kind >= 17) names.push(`student-${next % 5000}/answer-${next++}.pdf`);
      }
    }
    const contents = names.map((name) => ({ name, bytes: Math.ceil(-Math.log(1 - Math.random()) * meanBytes) }));
    const bytes = contents.reduce((sum, one) => sum + one.bytes, 0);
    if (day === 0) year.firstBytes = bytes;
    else year.changedBytes += bytes;
    const tier = tierDue(newest, now);
    const run = `${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
    const done = await sync(vault, state, { run, now, tier, contents, gone, sealedShare, compaction });
    year.recopied += done.recopied;
    if (day > 0 && done.isBase) year.newBases++;
    if (day === 0) year.firstStored = vault.storedBytes();
    snapshots.push(done.snapshot);
    newest = now;
  }
  const all = vault.objects();
  const facts: RetentionFacts = {
    subjects: snapshots.map(({ set, tier, snapshotAt }) => ({
      ...{ set, tier, at: Date.parse(snapshotAt), state: "trusted", verified: true, provenAt: null, marked: false },
      ...{ paidUntil: null, lockedUntil: null },
    })),
    terms: {
      daily: tiers.daily.retentionDays,
      weekly: tiers.weekly.retentionDays,
      monthly: tiers.monthly.retentionDays,
    },
    bounds: { keepNewest: 3, staleDays: 7, staleProofDays: null },
    ...{ needed: new Map(), lastProof: null, stop: null, now: now.getTime() },
  };
  const { unnamedBytes, go } = planFiles(facts, snapshots, all);
  if (go.length === 0) throw new Error("the year's retention lets nothing go");
  const stored = vault.storedBytes();
  return { ...year, addedStored: stored - year.firstStored, heldStored: stored - unnamedBytes };
}

interface Day {
  readonly run: string;
  readonly now: Date;
  readonly tier: NamingSnapshot["tier"];
  readonly contents: readonly { readonly name: string; readonly bytes: number }[];
  readonly gone: readonly FileEntry[];
  readonly sealedShare: number;
  readonly compaction: CompactionPolicy;
}

async function sync(vault: CountingVault, state: State, day: Day) {
  const { run, now, tier, contents, gone, sealedShare, compaction } = day;
  const { store, keys } = vault.begin(run, now);
  const touch = new Set([...contents, ...gone].map(({ name }) => name));
  const source: Pick<SyncSource, "sums" | "sumsOver" | "files"> = {
    ...{ sumsOver: "all", files: undefined },
    async sums(shards) {
      if (state.sums.length !== shards) state.sums = Array.from({ length: shards }, () => [0, "0"]);
      for (const name of touch) state.sums[shardOf(`b/${name}`, shards)] = [2048, vault.randomSum()];
      if (shards === 1) return [[contents.length, vault.randomSum()]];
      return state.sums;
    },
  };
  const plan = await planList(source as SyncSource, state.last, keys.indexKeySigner, compaction);
  if (plan.kind === "unchanged") throw new Error("every day changes something");
  const rebase = plan.kind === "changes" && plan.rebase;
  const isBase = plan.kind === "fresh" || rebase;
  const ledger = openLedger(plan.kind === "fresh" ? [] : plan.last.head.inBuckets, plan.shards);
  const lists = openListWriter(store, isBase ? plan.shards : 0);
  const shardLists = (): FileEntry[][] => {
    const found: FileEntry[][] = Array.from({ length: plan.shards }, () => []);
    for (const [path, entry] of state.files) found[shardOf(path, plan.shards)]?.push(entry);
    return found;
  };
  if (rebase) for (const [number, entries] of shardLists().entries()) await lists.shard(number, entries);
  const sparse = plan.kind === "changes" ? plan.sparse : new Set<string>();
  const living = sparse.size === 0 ? [] : [...state.files.values()];
  const again = living.filter(({ object, name }) => sparse.has(object ?? "") && !touch.has(name));
  const recopied = again.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const group of packsOf([...contents, ...again])) {
    const fileBytes = group.reduce((sum, { bytes }) => sum + bytes, 0);
    const alone = fileBytes >= limits.small && group.length === 1;
    const number = vault.nextNumber();
    const key = alone ? fileKey(run, number) : packKey(run, number);
    const entries = group.map(({ name, bytes }, index) =>
      entryOf(name, bytes, key, alone ? null : packEntry(index + 1), now),
    );
    ledger.addObject(vault.content(key, { files: group.length, fileBytes, bytes: Math.ceil(fileBytes * sealedShare) }));
    for (const entry of entries) {
      const path = pathOf(entry);
      const before = state.files.get(path);
      state.files.set(path, entry);
      if (ledger.settle(before, entry) && plan.kind !== "fresh") await lists.change(entry);
    }
  }
  for (const entry of gone) {
    state.files.delete(pathOf(entry));
    const { bucket, name } = entry;
    if (ledger.settle(entry, undefined))
      await lists.change(fileEntrySchema.parse({ bucket, name, object: null, entry: null, state: "gone" }));
  }
  if (plan.kind === "fresh") for (const [number, entries] of shardLists().entries()) await lists.shard(number, entries);
  const carried = rebase ? carriedOver(state.layers) : { objects: [] };
  const references = await storeLayer(store, keys, isBase ? [] : (state.last?.stored.manifest.layers ?? []), {
    ...{ shards: isBase ? plan.shards : 0, lists: await lists.finish(), uses: ledger.uses() },
    ...{ objects: [...carried.objects, ...ledger.objects()], commitments: vault.commitments() },
  });
  const layer = layerSchema.parse(vault.lastPlain());
  state.layers = isBase ? [layer] : [...state.layers, layer];
  const head = {
    ...{ format: "lifeboat-files-head/1" as const, projectRef: "x".repeat(20), buckets: [], policies: [] },
    ...{ shards: plan.shards, sumsOver: "all", sums: [...state.sums], lookAgain: [], inBuckets: ledger.inBuckets([]) },
  };
  const manifest = await vault.publish({ run, now, tier, layers: references, head: await storeHead(store, head) });
  const layers = state.layers;
  state.last = { stored: { manifest }, head, layers: async () => layers } as unknown as Last;
  let names: ReadonlySet<string> | undefined;
  const snapshot: NamingSnapshot = {
    ...{ set: run, tier, snapshotAt: now.toISOString() },
    get names() {
      names ??= new Set(neededObjects(manifest, layers).sizes.keys());
      return names;
    },
  };
  return { snapshot, isBase, recopied };
}

/** Contents as the sync lays them: small ones together until a pack is full, large ones alone. */
function* packsOf<T extends { readonly bytes: number }>(contents: readonly T[]): Generator<T[], void, undefined> {
  let open: T[] = [];
  let bytes = 0;
  for (const one of contents) {
    if (one.bytes >= limits.small) yield [one];
    else {
      open.push(one);
      bytes += one.bytes;
      if (bytes < limits.pack && open.length < 4096) continue;
      yield open;
      [open, bytes] = [[], 0];
    }
  }
  if (open.length > 0) yield open;
}

function entryOf(name: string, bytes: number, object: string, entry: string | null, now: Date): FileEntry {
  const time = now.toISOString();
  const [id, version, owner] = [randomUUID(), randomUUID(), createHash("md5").update(name.slice(0, 12)).digest("hex")];
  const text = { mimetype: "application/pdf", cacheControl: "max-age=3600", ownerId: owner };
  const times = { createdAt: time, updatedAt: time, lastModified: time };
  const hashes = { sha256: randomBytes(32).toString("hex"), etag: randomBytes(16).toString("hex") };
  return {
    ...{ bucket: "b", name, object, entry, state: "stored", bytes, rowBytes: bytes, owner: null, userMetadata: null },
    ...{ id, version, ...text, ...times, ...hashes },
  };
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

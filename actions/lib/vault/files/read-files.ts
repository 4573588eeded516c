import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { heapUsed } from "../../base/collector.ts";
import { OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { keysFileName } from "../../seal/keys/session-key.ts";
import { indexKeysName, layerName, runOfObject, snapshotPrefix } from "../format/names.ts";
import {
  type FileEntry,
  type Head,
  headSchema,
  type Layer,
  type LayerReference,
  type LivingObject,
  layerSchema,
  livingObjects,
  parseEntry,
  pathOf,
  type SnapshotManifest,
  shardOf,
} from "../format/snapshot-manifest.ts";
import { manifestName, signatureName } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { readHashed, readLines, readSealed } from "./read-object.ts";
import type { SnapshotKeys } from "./snapshot-keys.ts";

export interface ListReader {
  /** Shards of the base; the numbers that `shard` takes are below it. */
  readonly shards: number;
  /** The entries of one shard, by path: stored and lost ones. */
  shard(number: number): Promise<Map<string, FileEntry>>;
  /** Entries of the changes, i.e. how much of the list is not in the base. */
  readonly changed: number;
}

/**
 * Opens the list of all files.
 * @param layers as `readLayers` gives them
 * @param only shards that will be asked for; changes of others are not kept
 * @throws OperationError `snapshot-damaged`; and what the keys throw
 */
export async function openList(
  vault: Vault,
  layers: readonly Layer[],
  keys: SnapshotKeys,
  only?: ReadonlySet<number>,
): Promise<ListReader> {
  const [base] = layers;
  if (base === undefined) return { shards: 1, shard: async () => new Map(), changed: 0 };
  const changes = openChangedLines();
  let changed = 0;
  for (const layer of layers) {
    const key = await keys.index(layer);
    for (const list of layer.lists.slice(layer.shards)) {
      changed += list.entries;
      for await (const line of readLines(vault, list, key)) {
        const shard = shardOf(pathOf(parsed(line, list.key)), base.shards);
        if (only === undefined || only.has(shard)) changes.add(shard, line);
      }
      heapUsed();
    }
  }
  return { shards: base.shards, changed, shard: (number) => readShard(vault, base, keys, changes, number) };
}

/**
 * Every file of a snapshot, shard by shard: memory for one shard and the changes. Entries whose `state` is `lost` come too:
 * `isStored` tells. The order is that of the shards, not of names.
 */
export async function* readFiles(
  vault: Vault,
  layers: readonly Layer[],
  keys: SnapshotKeys,
): AsyncGenerator<FileEntry, void, undefined> {
  const list = await openList(vault, layers, keys);
  for (let shard = 0; shard < list.shards; shard++) yield* (await list.shard(shard)).values();
}

/** @throws OperationError `snapshot-damaged` */
export async function readHead(vault: Vault, manifest: SnapshotManifest, keys: SnapshotKeys): Promise<Head> {
  const key = await keys.index({ run: manifest.set, ...manifest.sealing });
  const head = headSchema.safeParse(JSON.parse((await readSealed(vault, manifest.head, key)).toString("utf8")));
  if (head.success) return head.data;
  throw new OperationError("snapshot-damaged", `${manifest.head.key} does not have the form of lifeboat-files-head/1.`);
}

async function readShard(
  vault: Vault,
  base: Layer,
  keys: SnapshotKeys,
  changes: ChangedLines,
  number: number,
): Promise<Map<string, FileEntry>> {
  const entries = new Map<string, FileEntry>();
  const list = base.lists[number];
  if (list !== undefined && list.entries > 0) {
    for await (const line of readLines(vault, list, await keys.index(base))) {
      const entry = parsed(line, list.key);
      entries.set(pathOf(entry), entry);
    }
  }
  for (const line of changes.of(number)) {
    const entry = parseEntry(line);
    if (entry.state === "gone") entries.delete(pathOf(entry));
    else entries.set(pathOf(entry), entry);
  }
  heapUsed();
  return entries;
}

/** The line itself is never told: it names a file. */
function parsed(line: string, key: string): FileEntry {
  try {
    return parseEntry(line);
  } catch {
    throw new OperationError("snapshot-damaged", `A line of ${key} is not an entry of a list of files.`);
  }
}

/** Lines of the changes above a base, by shard. As many as there are files may wait here, and a line has half a kilobyte. */
interface ChangedLines {
  add(shard: number, line: string): void;
  /** In the order in which they came: of two for one path the later counts. */
  of(shard: number): Generator<string, void, undefined>;
}

interface Shelf {
  readonly packed: Uint8Array[];
  open: Buffer[];
  bytes: number;
}

/** Plain bytes of a shard's lines that are packed together; names and hashes then take less than half of the room. */
const packedBytes = 32 * 1024;

export function openChangedLines(): ChangedLines {
  const shelves = new Map<number, Shelf>();
  return {
    add(shard, line) {
      const shelf = shelves.get(shard) ?? { packed: [], open: [], bytes: 0 };
      shelves.set(shard, shelf);
      // As bytes: a piece of a text keeps the whole text in memory.
      const bytes = Buffer.from(`${line}\n`);
      shelf.open.push(bytes);
      shelf.bytes += bytes.byteLength;
      if (shelf.bytes < packedBytes) return;
      // Copied, because what comes out is the beginning of a larger buffer.
      shelf.packed.push(Uint8Array.from(zstdCompressSync(Buffer.concat(shelf.open))));
      shelf.open = [];
      shelf.bytes = 0;
    },
    *of(shard) {
      const shelf = shelves.get(shard);
      if (shelf === undefined) return;
      for (const packed of shelf.packed) yield* linesOf(zstdDecompressSync(packed));
      yield* linesOf(Buffer.concat(shelf.open));
    },
  };
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString("utf8").split("\n");
  lines.pop(); // after the last line's end
  return lines;
}

/**
 * All layers of a snapshot, oldest first; the first one is a base. Each is compared with the hash that the signed manifest,
 * or a layer above it, tells.
 * @param read reads one; whoever looks at many snapshots remembers them
 * @throws OperationError `snapshot-damaged`
 */
export async function readLayers(
  vault: Vault,
  references: readonly LayerReference[],
  read: (reference: LayerReference) => Promise<Layer> = (reference) => readLayer(vault, reference),
): Promise<Layer[]> {
  const layers = await expand(references, read);
  if (layers.some(({ kind }, index) => (kind === "base") !== (index === 0)))
    throw damaged("its layers do not begin with the one base that they need");
  return layers;
}

async function expand(
  references: readonly LayerReference[],
  read: (reference: LayerReference) => Promise<Layer>,
): Promise<Layer[]> {
  const layers = await mapBounded(references, 16, read);
  const earlier = layers[0]?.earlier ?? [];
  return earlier.length === 0 ? layers : [...(await expand(earlier, read)), ...layers];
}

/** One layer, compared with the hash that the reference tells. @throws OperationError `snapshot-damaged` */
export async function readLayer(vault: Vault, { run, bytes, sha256 }: LayerReference): Promise<Layer> {
  const body = await readHashed(vault, { key: snapshotPrefix(run) + layerName, bytes, sha256 });
  const parsed = layerSchema.safeParse(JSON.parse(Buffer.from(body).toString("utf8")));
  if (!parsed.success || parsed.data.run !== run) throw damaged(`${snapshotPrefix(run)}${layerName} is not its layer`);
  return parsed.data;
}

function damaged(how: string): OperationError {
  return new OperationError(
    "snapshot-damaged",
    `The list of the files cannot be read: ${how}.`,
    "Use another snapshot.",
  );
}

/** Everything in the vault that a snapshot needs to be restored. */
export interface NeededObjects {
  /** By key, with the bytes that it must have; null where the snapshot does not tell (it is small, and signed). */
  readonly sizes: ReadonlyMap<string, number | null>;
  /** Packs and large files that entries name. */
  readonly living: readonly LivingObject[];
  /** Runs whose keys.pgp opens them. */
  readonly origins: readonly string[];
}

/** @param layers as `readLayers` gives them */
export function neededObjects(manifest: SnapshotManifest, layers: readonly Layer[]): NeededObjects {
  const living = livingObjects(layers);
  const origins = [...new Set(living.map(({ key }) => runOfObject(key)).filter((run) => run !== undefined))];
  const sizes = new Map<string, number | null>();
  const own = snapshotPrefix(manifest.set);
  for (const name of [manifestName, signatureName, indexKeysName]) sizes.set(own + name, null);
  for (const small of [manifest.head, manifest.findings, manifest.recover]) {
    if (small !== null) sizes.set(small.key, small.bytes);
  }
  for (const layer of layers) {
    sizes.set(snapshotPrefix(layer.run) + layerName, null);
    sizes.set(snapshotPrefix(layer.run) + indexKeysName, null);
    for (const { key, bytes } of layer.lists) sizes.set(key, bytes);
  }
  for (const run of origins) sizes.set(snapshotPrefix(run) + keysFileName, null);
  for (const { key, bytes } of living.flatMap(({ segments }) => segments)) sizes.set(key, bytes);
  return { sizes, living, origins };
}

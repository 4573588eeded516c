import { createHash } from "node:crypto";
import { z } from "zod";
import { findingKindSchema } from "../../config/policy/storage.ts";
import {
  bucketSchema,
  type SourceRow,
  shardSumSchema,
  sourceRowSchema,
  storagePolicySchema,
} from "../../storage/rows.ts";
import {
  bigCount,
  count,
  fingerprint,
  incidentMark,
  madeUnderShape,
  segmentSchema,
  setId,
  sha256,
  tierSchema,
} from "./manifest.ts";

const { bucket, name, ...ofTheRow } = sourceRowSchema.shape;

/**
 * One line of a list: one file of Storage as it was, or (with `object` null) that it is not to be had. The first four names
 * come first in every line, in this order, so that a shell can read them.
 */
export const fileEntrySchema = z.strictObject({
  bucket,
  name,
  /** Key of the pack or large file in the vault. Null: the file's bytes are not in the vault (see `state`). */
  object: z.string().nullable(),
  /** Name inside the pack's tar; null for a large file, which is an object of its own. */
  entry: z.string().nullable(),
  /**
   * `stored`: here it is. `lost`: the database has a row and Storage no file; there is nothing to restore. `gone`: a
   * snapshot after an earlier one says that the row is no more; a reader never sees these.
   */
  state: z.enum(["stored", "lost", "gone"]).default("stored"),
  /** Of the content as it was read; 0 and null for what is not stored. */
  bytes: count.default(0),
  /** SHA-256 of the content, hex. */
  sha256: sha256.nullable().default(null),
  ...ofTheRow,
});
export type FileEntry = z.output<typeof fileEntrySchema>;

/** The facts of the row without anything of the vault. */
export function rowOf(entry: FileEntry): SourceRow {
  const { object: _object, entry: _entry, state: _state, bytes: _bytes, sha256: _sha256, ...row } = entry;
  return row;
}

/** A file whose bytes the vault holds. */
export type StoredFile = FileEntry & { readonly state: "stored"; readonly object: string; readonly sha256: string };

export function isStored(entry: FileEntry): entry is StoredFile {
  return entry.state === "stored" && entry.object !== null && entry.sha256 !== null;
}

const order = ["bucket", "name", "object", "entry", ...Object.keys(fileEntrySchema.shape)] as (keyof FileEntry)[];
const always: ReadonlySet<string> = new Set(["bucket", "name", "object", "entry"]);

/** The line without its end; names whose value is the default are left out. */
export function encodeEntry(entry: FileEntry): string {
  const line: Record<string, unknown> = {};
  for (const name of order) {
    const value = entry[name];
    const usual = value === null || (name === "bytes" && value === 0) || (name === "state" && value === "stored");
    if (always.has(name) || !usual) line[name] = value;
  }
  return JSON.stringify(line);
}

/** @throws ZodError or SyntaxError for what is no line of a list */
export function parseEntry(line: string): FileEntry {
  return fileEntrySchema.parse(JSON.parse(line));
}

/** Bucket and name in one text. A bucket's id holds no slash, so no two files have the same. */
export function pathOf({ bucket, name }: Pick<FileEntry, "bucket" | "name">): string {
  return `${bucket}/${name}`;
}

/**
 * Which of `shards` lists a file stands in: the first bits of the MD5 of its path, which SQL computes alike.
 * @param shards a power of two, at most 65,536
 */
export function shardOf(path: string, shards: number): number {
  return createHash("md5").update(path).digest().readUInt16BE(0) >> (16 - Math.log2(shards));
}

/** A small object, sealed or plain, that is read whole and compared with its hash before anything else is done with it. */
const hashedObjectSchema = z.strictObject({
  /** Whole key in the bucket. */
  key: z.string().min(1),
  bytes: count,
  sha256,
});
export type HashedObject = z.output<typeof hashedObjectSchema>;

/** A layer, by the run that wrote it: its `snapshots/<run>/layer.json`. */
const layerReferenceSchema = z.strictObject({ run: setId, bytes: count, sha256 });
export type LayerReference = z.output<typeof layerReferenceSchema>;

/** `snapshots/<set>/manifest.json`: the state of all files at one time. No name of a file, no guessable hash. */
export const snapshotManifestSchema = z.strictObject({
  format: z.literal("lifeboat-files/1"),
  set: setId,
  /** Retention as the database's sets of that tier. */
  tier: tierSchema,
  startedAt: z.iso.datetime(),
  /** When the list was read. */
  snapshotAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** The snapshot that this one was compared with; null for a first or full one. */
  previous: setId.nullable(),
  /** The database set that was read under the very same Postgres snapshot; its manifest names this one. */
  databaseSet: z.strictObject({ tier: tierSchema, set: setId }).nullable(),
  incident: incidentMark.optional(),
  source: z.strictObject({ projectRef: z.string().nullable(), list: z.enum(["database", "endpoint"]) }),
  software: z.strictObject({ lifeboat: z.string(), node: z.string() }),
  sealing: z.strictObject({
    format: z.literal("openpgp-seipd1-aes256"),
    compression: z.literal("zstd"),
    recipients: z.array(z.strictObject({ role: z.string(), fingerprint })).min(1),
    /** Binds the key of head and findings to this snapshot (`indexKeyCommitment`). */
    indexKeyCommitment: sha256,
    /** Of the signing key from which the index key is derived. */
    indexKeySigner: fingerprint,
  }),
  counts: z.strictObject({
    buckets: count,
    /** Files whose bytes the snapshot has. */
    files: count,
    /** Bytes of their contents. */
    bytes: bigCount,
    /** Files read from the source by this run, those of an earlier attempt that it took over included. */
    filesCopied: count,
    bytesCopied: bigCount,
    /** Entries that are other than in the previous snapshot, and files of it that are no more. */
    filesChanged: count,
    filesRemoved: count,
    /** Files whose content was in the vault already under another name. */
    filesRenamed: count,
    /** Bytes read from the source by this very run: what Supabase counts as egress. */
    egressBytes: bigCount,
    /** Bytes that this run added to the vault. */
    storedBytes: bigCount,
    findings: z.partialRecord(findingKindSchema, count),
  }),
  ...madeUnderShape,
  head: hashedObjectSchema,
  findings: hashedObjectSchema.nullable(),
  /** Oldest first. `expandLayers` gives all of them: one may stand for those before it. */
  layers: z.array(layerReferenceSchema),
  /** The recovery page. */
  recover: hashedObjectSchema,
});
export type SnapshotManifest = z.output<typeof snapshotManifestSchema>;

/** `head.json.zst.pgp`, sealed with the index key: what the next run compares with, and what surrounds the files. */
export const headSchema = z.strictObject({
  format: z.literal("lifeboat-files-head/1"),
  /** Null when the list came from the endpoint. */
  projectRef: z.string().nullable(),
  buckets: z.array(bucketSchema),
  policies: z.array(storagePolicySchema),
  /** Shards of the sums, a power of two: those of the snapshot's base layer. */
  shards: count,
  /** Which columns the sums are over, and which buckets: other ones cannot be compared. */
  sumsOver: z.string(),
  /** One a shard; empty when the list came from the endpoint. */
  sums: z.array(shardSumSchema),
  /** Shards in which something has to be looked at again though no row changes: lost files. */
  lookAgain: z.array(count),
  /** Files, bytes and lost files of each bucket. */
  inBuckets: z.array(z.strictObject({ bucket: z.string(), files: count, bytes: count, lost: count })),
});
export type Head = z.output<typeof headSchema>;

/** One line of `findings.ndjson.zst.pgp`. */
export const findingSchema = z.strictObject({
  kind: z.string(),
  bucket: z.string(),
  name: z.string(),
  detail: z.string(),
});
export type CopyFinding = z.output<typeof findingSchema>;

/** A pack or a large file. */
export const storedObjectSchema = z.strictObject({
  /** `packs/<run>/00001.tar.zst.pgp` or `files/<run>/00001.zst.pgp`; the run's keys.pgp opens it. */
  key: z.string().min(1),
  /** Contents in it when the layer was written, and their bytes. */
  files: count,
  fileBytes: count,
  /** Bytes of the tar, or of the file. */
  plainBytes: count,
  /** Keys of the segments are whole keys: read them with the prefix "". */
  segments: z.array(segmentSchema).min(1),
});
export type StoredObject = z.output<typeof storedObjectSchema>;

/** Contents that entries name more (or, mostly, less) than the layers before say. Sums up to what of an object still lives. */
const changedUseSchema = z.strictObject({
  key: z.string().min(1),
  files: z.number().int(),
  fileBytes: z.number().int(),
});

/** One list of entries (`fileEntrySchema`), sealed with the index key of the layer's run. */
const listSchema = z.strictObject({
  key: z.string().min(1),
  entries: count,
  /** The whole object is one part: lists are small. */
  bytes: count,
  sha256,
});

/**
 * `snapshots/<run>/layer.json`: what one run added to the list of all files. A `base` layer holds every file, one list a
 * shard; a `changes` layer holds one list of the entries that are other than before it. Unsealed: it names no file.
 */
export const layerSchema = z.strictObject({
  format: z.literal("lifeboat-files-layer/1"),
  run: setId,
  kind: z.enum(["base", "changes"]),
  /** Layers that lie below this one and that manifests name no more, oldest first. */
  earlier: z.array(layerReferenceSchema),
  /** Fingerprint of the signing key from which the key of the lists is derived. */
  indexKeySigner: fingerprint,
  indexKeyCommitment: sha256,
  /**
   * Of a base layer: list n, for n below this, holds the entries of shard n (`shardOf`). Lists from there on are changes
   * above them, as all lists of a layer of changes are: of two entries for one path the later counts. Of changes: 0.
   */
  shards: count,
  lists: z.array(listSchema),
  /** Runs whose keys.pgp opens the objects, with what binds those keys to them. */
  origins: z.array(z.strictObject({ run: setId, sessionKeyCommitment: sha256 })),
  /** Objects that are new in this layer; in a base layer, all that live. */
  objects: z.array(storedObjectSchema),
  uses: z.array(changedUseSchema),
});
export type Layer = z.output<typeof layerSchema>;

/** An object of a snapshot and how much of it still lives there. */
export interface LivingObject extends StoredObject {
  readonly livingFiles: number;
  readonly livingBytes: number;
}

/**
 * All objects that a snapshot needs, with how much of each still lives. What no entry names any more is left out.
 * @param layers as `readLayers` gives them, oldest first
 */
export function livingObjects(layers: readonly Layer[]): LivingObject[] {
  const living = new Map<string, LivingObject>();
  for (const layer of layers) {
    if (layer.kind === "base") living.clear();
    for (const object of layer.objects)
      living.set(object.key, { ...object, livingFiles: object.files, livingBytes: object.fileBytes });
    for (const { key, files, fileBytes } of layer.uses) {
      const object = living.get(key);
      if (object === undefined) continue;
      const livingFiles = object.livingFiles + files;
      living.set(key, { ...object, livingFiles, livingBytes: object.livingBytes + fileBytes });
    }
  }
  return [...living.values()].filter(({ livingFiles }) => livingFiles > 0);
}

/** Commitments of the session keys, by the run whose keys.pgp holds them. */
export function sessionKeyCommitments(layers: readonly Layer[]): Map<string, string> {
  return new Map(layers.flatMap(({ origins }) => origins.map((one) => [one.run, one.sessionKeyCommitment] as const)));
}

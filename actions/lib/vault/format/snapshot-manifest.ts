import { z } from "zod";
import { findingKindSchema } from "../../config/policy/storage.ts";
import { setIdPattern, tierSchema } from "./manifest.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fingerprint = z.string().regex(/^[0-9A-F]{40}$/);
const count = z.number().int().nonnegative();
/** A number that may pass 2^53, as decimal digits. */
const bigCount = z.string().regex(/^\d+$/);
const run = z.string().regex(setIdPattern);

/** A small object, sealed or plain, that is read whole and compared with its hash before anything else is done with it. */
export const hashedObjectSchema = z.strictObject({
  /** Whole key in the bucket. */
  key: z.string().min(1),
  bytes: count,
  sha256,
});
export type HashedObject = z.output<typeof hashedObjectSchema>;

/** A layer, by the run that wrote it: its `snapshots/<run>/layer.json`. */
export const layerReferenceSchema = z.strictObject({ run, bytes: count, sha256 });
export type LayerReference = z.output<typeof layerReferenceSchema>;

/** `snapshots/<set>/manifest.json`: the state of all files at one time. No name of a file, no guessable hash. */
export const snapshotManifestSchema = z.strictObject({
  format: z.literal("lifeboat-files/1"),
  set: run,
  /** Retention as the database's sets of that tier. */
  tier: tierSchema,
  startedAt: z.iso.datetime(),
  /** When the list was read. */
  snapshotAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** The snapshot that this one was compared with; null for a first or full one. */
  previous: run.nullable(),
  /** The database set that was read under the very same Postgres snapshot; its manifest names this one. */
  databaseSet: z.strictObject({ tier: tierSchema, set: run }).nullable(),
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
  head: hashedObjectSchema,
  findings: hashedObjectSchema.nullable(),
  /** Oldest first. `expandLayers` gives all of them: one may stand for those before it. */
  layers: z.array(layerReferenceSchema),
  /** The recovery page. */
  recover: hashedObjectSchema,
});
export type SnapshotManifest = z.output<typeof snapshotManifestSchema>;

import { z } from "zod";
import { segmentSchema, setIdPattern } from "./manifest.ts";
import { layerReferenceSchema } from "./snapshot-manifest.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const run = z.string().regex(setIdPattern);

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
export const changedUseSchema = z.strictObject({
  key: z.string().min(1),
  files: z.number().int(),
  fileBytes: z.number().int(),
});

/** One list of entries (`file-entry.ts`), sealed with the index key of the layer's run. */
export const listSchema = z.strictObject({
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
  run,
  kind: z.enum(["base", "changes"]),
  /** Layers that lie below this one and that manifests name no more, oldest first. */
  earlier: z.array(layerReferenceSchema),
  /** Fingerprint of the signing key from which the key of the lists is derived. */
  indexKeySigner: z.string().regex(/^[0-9A-F]{40}$/),
  indexKeyCommitment: sha256,
  /**
   * Of a base layer: list n, for n below this, holds the entries of shard n (`shardOf`). Lists from there on are changes
   * above them, as all lists of a layer of changes are: of two entries for one path the later counts. Of changes: 0.
   */
  shards: count,
  lists: z.array(listSchema),
  /** Runs whose keys.pgp opens the objects, with what binds those keys to them. */
  origins: z.array(z.strictObject({ run, sessionKeyCommitment: sha256 })),
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

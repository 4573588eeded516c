import { keysFileName } from "../../seal/keys/key-wrapping.ts";
import { type Layer, type LivingObject, livingObjects } from "../format/layer.ts";
import { indexKeysName, layerName, runOfObject, snapshotPrefix } from "../format/names.ts";
import type { SnapshotManifest } from "../format/snapshot-manifest.ts";
import { manifestName, signatureName } from "../published/signed-manifest.ts";

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

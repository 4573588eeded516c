import { OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { keysFileName } from "../../seal/keys/key-wrapping.ts";
import { indexKeysName, layerName, runOfObject, snapshotPrefix } from "../format/names.ts";
import {
  type Layer,
  type LayerReference,
  type LivingObject,
  layerSchema,
  livingObjects,
  type SnapshotManifest,
} from "../format/snapshot-manifest.ts";
import { manifestName, signatureName } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { readHashed } from "./read-object.ts";

/**
 * All layers of a snapshot, oldest first; the first one is a base. Each is compared with the hash that the signed manifest,
 * or a layer above it, tells.
 * @throws OperationError `snapshot-damaged`
 */
export async function readLayers(vault: Vault, references: readonly LayerReference[]): Promise<Layer[]> {
  const layers = await expand(vault, references);
  if (layers.some(({ kind }, index) => (kind === "base") !== (index === 0)))
    throw damaged("its layers do not begin with the one base that they need");
  return layers;
}

async function expand(vault: Vault, references: readonly LayerReference[]): Promise<Layer[]> {
  const layers = await mapBounded(references, 16, (reference) => readLayer(vault, reference));
  const earlier = layers[0]?.earlier ?? [];
  return earlier.length === 0 ? layers : [...(await expand(vault, earlier)), ...layers];
}

async function readLayer(vault: Vault, { run, bytes, sha256 }: LayerReference): Promise<Layer> {
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

import { OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { type Layer, layerSchema } from "../format/layer.ts";
import { layerName, snapshotPrefix } from "../format/names.ts";
import type { LayerReference } from "../format/snapshot-manifest.ts";
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

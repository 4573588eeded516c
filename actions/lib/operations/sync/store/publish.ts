import { renderRecoverFilesPage } from "../../../recover/pages.ts";
import { signDetached } from "../../../seal/keys/signature.ts";
import { encodeSnapshotManifest } from "../../../vault/files/snapshot-catalogue.ts";
import { findingsName, headName, layerName, recoverName, snapshotPrefix } from "../../../vault/format/names.ts";
import {
  type CopyFinding,
  type HashedObject,
  type Head,
  headSchema,
  type Layer,
  type LayerReference,
  layerSchema,
  livingObjects,
  type SnapshotManifest,
  sessionKeyCommitments,
  snapshotManifestSchema,
} from "../../../vault/format/snapshot-manifest.ts";
import type { Lease } from "../../../vault/lease/lease.ts";
import { publishManifest } from "../../../vault/published/signed-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import type { Ready } from "../../check/run-preflight.ts";
import type { ObjectStore, RunKeys } from "./object-store.ts";

/** Entries that one list of a base should hold, about. */
const entriesPerShard = 2048;
const mostShards = 65_536;

/** How many lists a base for so many files gets: a power of two. */
export function shardsFor(files: number): number {
  const wanted = Math.ceil(Math.max(1, files) / entriesPerShard);
  return Math.min(mostShards, 2 ** Math.ceil(Math.log2(wanted)));
}

/** Changes that are kept above a small base before they are worked into a new one; and above any base. */
const fewChanges = 4000;
const mostChanges = 250_000;
/** Layers that a manifest names itself; then a new layer takes those before it along. */
export const directLayers = 32;
/** Layers in all: each costs its reader requests. */
const mostLayers = 800;

/**
 * Whether the list is to be written anew as a base. That costs as much as all its entries, so it is done only when as much
 * has changed: what the lists add to the vault stays a small part of what the changes themselves do.
 */
export function wantsNewBase(list: { base: number; changes: number; layers: number; shards: number }): boolean {
  if (list.layers >= mostLayers || list.base + list.changes > list.shards * entriesPerShard * 4) return true;
  return list.changes >= Math.max(fewChanges, Math.min(list.base, mostChanges));
}

export interface LayerFacts {
  readonly shards: number;
  readonly lists: Layer["lists"];
  readonly objects: Layer["objects"];
  readonly uses: Layer["uses"];
  /** Session keys' commitments of all runs that may be named. */
  readonly commitments: ReadonlyMap<string, string>;
}

/**
 * Writes a run's layer and tells which layers the manifest is to name.
 * @param before what the last manifest named; empty when the new layer is a base
 */
export async function storeLayer(
  store: ObjectStore,
  keys: RunKeys,
  before: readonly LayerReference[],
  facts: LayerFacts,
): Promise<LayerReference[]> {
  const folded = before.length >= directLayers;
  const runs = new Set(facts.objects.map(({ key }) => key.split("/")[1] ?? ""));
  const layer: Layer = layerSchema.parse({
    format: "lifeboat-files-layer/1",
    run: keys.run,
    kind: facts.shards > 0 ? "base" : "changes",
    earlier: folded ? before : [],
    indexKeySigner: keys.indexKeySigner,
    indexKeyCommitment: keys.indexKeyCommitment,
    shards: facts.shards,
    lists: facts.lists,
    origins: [...facts.commitments]
      .filter(([run]) => runs.has(run))
      .map(([run, sessionKeyCommitment]) => ({ run, sessionKeyCommitment })),
    objects: facts.objects,
    uses: facts.uses,
  });
  const body = Buffer.from(`${JSON.stringify(layer)}\n`);
  const { bytes, sha256 } = await store.plain(layerName, body, "application/json");
  const reference = { run: keys.run, bytes, sha256 };
  return folded ? [reference] : [...before, reference];
}

/** Objects and commitments that go over into a new base. */
export function carriedOver(layers: readonly Layer[]): Pick<LayerFacts, "objects" | "commitments"> {
  const objects = livingObjects(layers).map(({ livingFiles, livingBytes, ...object }) => ({
    ...object,
    ...{ files: livingFiles, fileBytes: livingBytes },
  }));
  return { objects, commitments: sessionKeyCommitments(layers) };
}

export async function storeHead(store: ObjectStore, head: Head): Promise<HashedObject> {
  return store.sealed(headName, Buffer.from(JSON.stringify(headSchema.parse(head))));
}

/** @returns null when there is nothing to tell */
export async function storeFindings(
  store: ObjectStore,
  findings: readonly CopyFinding[],
): Promise<HashedObject | null> {
  if (findings.length === 0) return null;
  const lines = findings.map((finding) => JSON.stringify(finding));
  return store.sealed(findingsName, Buffer.from(`${lines.join("\n")}\n`));
}

/** The page for people who have nothing else, in every snapshot: the one that they take may be the only one left. */
export async function storeRecoverPage(store: ObjectStore): Promise<HashedObject> {
  return store.plain(recoverName, Buffer.from(renderRecoverFilesPage()), "text/markdown; charset=utf-8");
}

export async function publishSnapshot(
  vault: Vault,
  draft: SnapshotManifest,
  signing: Ready["signing"],
  lease: Lease,
  signal: AbortSignal,
): Promise<SnapshotManifest> {
  const manifest = snapshotManifestSchema.parse(draft);
  const bytes = encodeSnapshotManifest(manifest);
  const signature = await signDetached(bytes, signing);
  await publishManifest(vault, snapshotPrefix(manifest.set), bytes, signature, { lease, signal });
  return manifest;
}

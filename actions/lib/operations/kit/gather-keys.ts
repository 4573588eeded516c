import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { isMissing } from "../../s3/store-errors.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import {
  indexKeyScope,
  keysFileName,
  keysSignatureMetadata,
  secretsFileName,
  secretsScope,
  verifyKeysFile,
} from "../../seal/keys/session-key.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { publishedSnapshots, readSnapshot, runFolders } from "../../vault/files/snapshot-catalogue.ts";
import { setPrefix } from "../../vault/format/manifest.ts";
import { indexKeysName, snapshotPrefix } from "../../vault/format/names.ts";
import { hashOf } from "../../vault/kits.ts";
import { believed, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { publishedSets, readSet } from "../../vault/sets/catalogue.ts";

/** What of the vault belongs into a kit. */
export interface GatheredKeys {
  /** Files of session keys by their names in the vault, each with its signature beside it as `<name>.sig`, base64. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Folders whose keys are among them. */
  readonly folders: readonly string[];
  /** Sets and snapshots that count: where each lies, and the SHA-256 of its manifest. Those of an incident are none. */
  readonly manifests: readonly (readonly [folder: string, sha256: string])[];
  /** What was left out, and why: no set that counts. */
  readonly leftOut: readonly string[];
  /** Files of keys that sets have, or should have, and nobody can believe. */
  readonly lacking: readonly string[];
}

interface Folder {
  readonly vault: Vault;
  readonly prefix: string;
  /** Its files of keys, and what each is signed for. */
  readonly keys: readonly (readonly [name: string, scope: string])[];
}

/** Somebody may lay down any number of folders that look like runs: so many of the newest are looked into. */
const mostRuns = 5000;

/**
 * Reads the keys of every set and of every run of the files. Nothing counts that no trusted key has signed: what is refused is named,
 * and keeps nothing else out.
 * @param files the files' vault, where there is one
 * @throws LifeboatError when a vault cannot be asked
 */
export async function gatherKeys(
  vault: Vault,
  files: Vault | undefined,
  signers: readonly Signer[],
): Promise<GatheredKeys> {
  const verify: VerifySignature = (bytes, armored) => verifyDetached(bytes, armored, signers);
  const [sets, snapshots] = await Promise.all([
    readSets(vault, verify),
    files === undefined ? nothing : readRuns(files, verify),
  ]);
  const read = await mapBounded([...sets.folders, ...snapshots.folders], 24, (folder) => readKeys(folder, signers));
  return {
    files: new Map(read.flatMap((one) => one.files)),
    folders: read.flatMap(({ prefix, files: found }) => (found.length === 0 ? [] : prefix)).sort(),
    manifests: [...sets.manifests, ...snapshots.manifests].sort(([a], [b]) => (a < b ? -1 : 1)),
    leftOut: [...sets.leftOut, ...snapshots.leftOut],
    lacking: read.flatMap((one) => one.lacking),
  };
}

interface Read {
  readonly folders: readonly Folder[];
  readonly manifests: readonly (readonly [string, string])[];
  readonly leftOut: readonly string[];
}

const nothing: Read = { folders: [], manifests: [], leftOut: [] };

async function readSets(vault: Vault, verify: VerifySignature): Promise<Read> {
  const published = await Array.fromAsync(publishedSets(vault));
  const read = await mapBounded(published, 24, async ({ tier, set, state, signed }): Promise<Read> => {
    const prefix = setPrefix(tier, set);
    if (state === "hidden") return { ...nothing, leftOut: [`${prefix}: it is hidden by a delete marker`] };
    const found = await believed(() => readSet(vault, tier, set, verify, signed));
    if (found === undefined) return nothing;
    if ("problem" in found) return { ...nothing, leftOut: [`${prefix}: ${found.problem}`] };
    const { manifest, bytes } = found.document;
    const secrets = manifest.sealing.secrets === undefined ? [] : [[secretsFileName, secretsScope(set)] as const];
    return {
      folders: [{ vault, prefix, keys: [[keysFileName, set], ...secrets] }],
      manifests: manifest.incident === undefined ? [[prefix, hashOf(bytes)]] : [],
      leftOut: [],
    };
  });
  return joined(read);
}

/** Packs of runs whose own snapshot is gone may still be in use: every run's keys are wanted. */
async function readRuns(vault: Vault, verify: VerifySignature): Promise<Read> {
  const [runs, published] = await Promise.all([
    Array.fromAsync(runFolders(vault)),
    Array.fromAsync(publishedSnapshots(vault)),
  ]);
  const manifests = await mapBounded(published, 24, async ({ set, state, signed }): Promise<Read> => {
    if (state === "hidden") return nothing;
    const found = await believed(() => readSnapshot(vault, set, verify, signed));
    if (found === undefined || "problem" in found || found.document.manifest.incident !== undefined) return nothing;
    return { ...nothing, manifests: [[snapshotPrefix(set), hashOf(found.document.bytes)]] };
  });
  const some = runs.slice(0, mostRuns);
  const folders = some.map(({ set }): Folder => {
    const keys = [[keysFileName, set] as const, [indexKeysName, indexKeyScope(set)] as const];
    return { vault, prefix: snapshotPrefix(set), keys };
  });
  const unread =
    runs.length > some.length ? [`snapshots/: of ${runs.length} folders ${some.length} were looked into`] : [];
  return { folders, manifests: joined(manifests).manifests, leftOut: unread };
}

function joined(all: readonly Read[]): Read {
  return {
    folders: all.flatMap((one) => one.folders),
    manifests: all.flatMap((one) => one.manifests),
    leftOut: all.flatMap((one) => one.leftOut),
  };
}

const mostBytes = 1024 * 1024;

async function readKeys({ vault, prefix, keys }: Folder, signers: readonly Signer[]) {
  const files: (readonly [string, Uint8Array])[] = [];
  const lacking: string[] = [];
  for (const [name, scope] of keys) {
    try {
      const { body, metadata } = await vault.get(prefix + name, { maxBytes: mostBytes });
      await verifyKeysFile(scope, body, metadata, signers);
      files.push([prefix + name, body], [`${prefix}${name}.sig`, Buffer.from(`${metadata[keysSignatureMetadata]}\n`)]);
    } catch (error) {
      const isGone = isMissing(error);
      // A run of the files that stored nothing has no keys.
      if (isGone && prefix.startsWith("snapshots/")) continue;
      if (!isGone && (!(error instanceof LifeboatError) || error.code === "s3-unavailable")) throw error;
      lacking.push(`${prefix}${name}: ${isGone ? "it is gone" : error instanceof Error ? error.message : ""}`);
    }
  }
  return { prefix, files, lacking };
}

import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { NamingSnapshot } from "../../policy/storage-retention.ts";
import { neededObjects, readLayers } from "../../vault/files/read-files.ts";
import { describeSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { setIdPattern } from "../../vault/format/manifest.ts";
import { layerName, snapshotPrefix } from "../../vault/format/names.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import { manifestName, signatureName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { WrittenObject } from "../../vault/s3/versions.ts";

export interface Survey {
  /** Newest first, each with every object that it needs. */
  readonly snapshots: readonly NamingSnapshot[];
  /** Snapshots that are there and of which nobody can say what they need. */
  readonly unreadable: readonly string[];
}

/**
 * Every snapshot of the vault and what it names. A layer that many snapshots share is fetched once.
 * @param objects all that is there @param vault in which they are read as they were written
 */
export async function surveySnapshots(
  vault: Vault,
  objects: readonly Pick<WrittenObject, "key">[],
  verify: VerifySignature,
): Promise<Survey> {
  const remembering = rememberLayers(vault);
  const texts = new Map<string, string>();
  /** The same key, named by hundreds of snapshots, is kept once. */
  const once = (key: string): string => {
    const known = texts.get(key);
    if (known === undefined) texts.set(key, key);
    return known ?? key;
  };
  const snapshots: NamingSnapshot[] = [];
  const unreadable: string[] = [];
  const runs = objects.flatMap(({ key }) => /^snapshots\/([^/]+)\/manifest\.json$/.exec(key)?.[1] ?? []);
  const sets = runs
    .filter((run) => setIdPattern.test(run))
    .sort()
    .reverse();
  const signatures = new Set(objects.flatMap(({ key }) => (key.endsWith(`/${signatureName}`) ? key : [])));
  const listed = await mapBounded(sets, 16, (set) =>
    describeSnapshot(vault, set, verify, signatures.has(snapshotPrefix(set) + signatureName)),
  );
  for (const { set, manifest } of listed.filter((one) => one !== undefined)) {
    if (manifest === null) {
      unreadable.push(set);
      continue;
    }
    try {
      const { sizes } = neededObjects(manifest, await readLayers(remembering, manifest.layers));
      const names = new Set([...sizes.keys()].map(once));
      snapshots.push({ set, tier: manifest.tier, snapshotAt: manifest.snapshotAt, names });
    } catch (error) {
      if (!(error instanceof LifeboatError && error.code === "snapshot-damaged")) throw error;
      unreadable.push(set);
    }
  }
  return { snapshots, unreadable };
}

function rememberLayers(vault: Vault): Vault {
  const got = new Map<string, ReturnType<Vault["get"]>>();
  return {
    ...vault,
    get(key, options) {
      if (!key.endsWith(`/${layerName}`)) return vault.get(key, options);
      const known = got.get(key) ?? vault.get(key, options);
      got.set(key, known);
      return known;
    },
  };
}

/** What somebody else did to objects that a snapshot needs. */
export interface Meddling {
  /** Hidden by a delete marker or replaced: what was written lies below. */
  readonly meddled: readonly WrittenObject[];
  /** Keys that a snapshot names and that are gone in every version. */
  readonly gone: readonly string[];
}

/** Compares what is there with what the snapshots name. What none of them names is nobody's concern here. */
export function compareWritten(
  objects: readonly WrittenObject[],
  snapshots: readonly Pick<NamingSnapshot, "names">[],
): Meddling {
  const gone = new Set<string>();
  for (const { names } of snapshots) for (const key of names) gone.add(key);
  const meddled: WrittenObject[] = [];
  for (const object of objects) {
    const named = gone.delete(object.key);
    if (object.state !== "as written" && (named || isManifest(object.key))) meddled.push(object);
  }
  return { meddled, gone: [...gone].sort() };
}

/** In words for people; what to do stands in the runbook. */
export function alarmsOf({ meddled, gone }: Meddling, unreadable: readonly string[]): string[] {
  const of = (state: WrittenObject["state"]) => meddled.filter((one) => one.state === state).map(({ key }) => key);
  return [
    ...alarmOf(of("hidden"), "hidden by delete markers", "object"),
    ...alarmOf(of("replaced"), "written again", "object"),
    ...alarmOf(gone, "named by a snapshot of the files and gone", "object"),
    ...alarmOf(unreadable, "made unreadable", "snapshot"),
  ];
}

function isManifest(key: string): boolean {
  return key.endsWith(`/${manifestName}`) || key.endsWith(`/${signatureName}`);
}

import { heapUsed } from "../../base/collector.ts";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { NameIndex, type Names, type NamingSnapshot } from "../../policy/names.ts";
import { neededObjects, readLayer, readLayers } from "../../vault/files/read-files.ts";
import { describeSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { setIdPattern } from "../../vault/format/manifest.ts";
import { filesPrefixes, snapshotPrefix } from "../../vault/format/names.ts";
import type { Layer, LayerReference, SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import { manifestName, signatureName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { vaultAsWritten, type WrittenObject, writtenObjects } from "../../vault/s3/versions.ts";

/** A snapshot that can be trusted, and what its manifest says beside what it names. */
export interface SurveyedSnapshot extends NamingSnapshot {
  readonly finishedAt: string;
  readonly databaseSet: SnapshotManifest["databaseSet"];
  /** Days of each tier, as its policy said; null: made before manifests said it. */
  readonly terms: NonNullable<SnapshotManifest["policy"]>["terms"] | null;
  /** Every part was read again when it was stored, and all of it is there with its size. */
  readonly verified: boolean;
  /** Made while an incident was on. */
  readonly marked: boolean;
  /** When its manifest was stored, by the store's clock, ms. */
  readonly storedAt: number | null;
}

interface Survey {
  /** Newest first, each with every object that it needs. */
  readonly snapshots: readonly SurveyedSnapshot[];
  /** Snapshots that are there and of which nobody can say what they need. */
  readonly unreadable: readonly string[];
}

/** All that lies in the files' vault, as it was written, and what somebody has done to it since. */
export interface FilesSurvey extends Survey, Meddling {
  readonly objects: readonly WrittenObject[];
  /** The vault, in which what was hidden or replaced is read as it was written. */
  readonly written: Vault;
  /** In words for people. */
  readonly alarms: readonly string[];
}

/** @throws OperationError `s3-unavailable` */
export async function surveyFiles(vault: Vault, verify: VerifySignature): Promise<FilesSurvey> {
  const objects = await writtenObjects(vault, filesPrefixes);
  const written = vaultAsWritten(vault, objects);
  const index = new NameIndex();
  const there = index.of(objects.map(({ key }) => key));
  const survey = await surveySnapshots(written, { objects, index }, verify);
  const named = index.union(survey.snapshots.map(({ names }) => names));
  const meddling = compareWritten(objects, there, named);
  return { ...survey, ...meddling, objects, written, alarms: alarmsOf(meddling, survey.unreadable) };
}

/**
 * Every snapshot of the vault and what it names. A layer that many snapshots share is fetched once.
 * @param vault in which objects are read as they were written @param there all of them, and their index, in the same order
 */
async function surveySnapshots(
  vault: Vault,
  { objects, index }: { readonly objects: readonly WrittenObject[]; readonly index: NameIndex },
  verify: VerifySignature,
): Promise<Survey> {
  const readOnce = rememberLayers(vault, index);
  const sizeOf = (key: string): number | undefined => objects[index.find(key) ?? objects.length]?.bytes;
  const snapshots: SurveyedSnapshot[] = [];
  const unreadable: string[] = [];
  const storedAt = new Map<string, number | null>();
  for (const { key, lastModified } of objects) {
    const run = /^snapshots\/([^/]+)\/manifest\.json$/.exec(key)?.[1];
    if (run !== undefined && setIdPattern.test(run)) storedAt.set(run, lastModified?.getTime() ?? null);
  }
  const sets = [...storedAt.keys()].sort().reverse();
  const listed = await mapBounded(sets, 16, (set) =>
    describeSnapshot(vault, set, verify, sizeOf(snapshotPrefix(set) + signatureName) !== undefined),
  );
  for (const { set, manifest } of listed.filter((one) => one !== undefined)) {
    if (manifest === null) {
      unreadable.push(set);
      continue;
    }
    try {
      const { sizes } = neededObjects(manifest, await readLayers(vault, manifest.layers, readOnce));
      const { tier, snapshotAt, finishedAt, databaseSet, policy, readBack = false, incident } = manifest;
      snapshots.push({
        ...{ set, tier, snapshotAt, finishedAt, databaseSet, names: index.of(sizes.keys()) },
        ...{ terms: policy?.terms ?? null, marked: incident !== undefined },
        storedAt: storedAt.get(set) ?? null,
        verified: readBack && isWhole(sizes, sizeOf),
      });
      // What was made of a million objects to know them by name is garbage now.
      heapUsed();
    } catch (error) {
      if (!(error instanceof LifeboatError && error.code === "snapshot-damaged")) throw error;
      unreadable.push(set);
    }
  }
  return { snapshots, unreadable };
}

function isWhole(sizes: ReadonlyMap<string, number | null>, sizeOf: (key: string) => number | undefined): boolean {
  for (const [key, size] of sizes) {
    const there = sizeOf(key);
    if (there === undefined || (size !== null && there !== size)) return false;
  }
  return true;
}

/**
 * Reads each layer once, though every later snapshot names it, and keeps of it which objects it names and how large they are: the hashes
 * of a million objects' parts are for whoever reads them.
 */
function rememberLayers(vault: Vault, index: NameIndex): (reference: LayerReference) => Promise<Layer> {
  const known = new Map<string, Promise<Layer>>();
  return (reference) => {
    const name = `${reference.run} ${reference.sha256}`;
    const read = known.get(name) ?? readLayer(vault, reference).then((layer) => slim(layer, index));
    known.set(name, read);
    return read;
  };
}

/** Without hashes, and with the keys as the index keeps them. */
function slim(layer: Layer, index: NameIndex): Layer {
  // What its text was parsed to is several times as large, and garbage now.
  heapUsed();
  return {
    ...layer,
    objects: layer.objects.map((object) => ({
      ...{ ...object, key: index.kept(object.key) },
      segments: object.segments.map(({ key, bytes }) => ({ key: index.kept(key), bytes, sha256: "", parts: noParts })),
    })),
  };
}

const noParts: Layer["objects"][number]["segments"][number]["parts"] = [];

/** What somebody else did to objects that a snapshot needs. */
interface Meddling {
  /** Hidden by a delete marker or replaced: what was written lies below. */
  readonly meddled: readonly WrittenObject[];
  /** Keys that a snapshot names and that are gone in every version. */
  readonly gone: readonly string[];
}

/** Compares what is there with what the snapshots name. What none of them names is nobody's concern here. */
function compareWritten(objects: readonly WrittenObject[], there: Names, named: Names): Meddling {
  const gone: string[] = [];
  for (const key of named) if (!there.has(key)) gone.push(key);
  const meddled = objects.filter(({ key, state }) => state !== "as written" && (named.has(key) || isManifest(key)));
  return { meddled, gone: gone.sort() };
}

/** In words for people; what to do stands in the runbook. */
function alarmsOf({ meddled, gone }: Meddling, unreadable: readonly string[]): string[] {
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

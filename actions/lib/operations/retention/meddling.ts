import type { NamingSnapshot } from "../../policy/storage-retention.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import { manifestName, signatureName } from "../../vault/published/signed-manifest.ts";
import type { WrittenObject } from "../../vault/s3/versions.ts";

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

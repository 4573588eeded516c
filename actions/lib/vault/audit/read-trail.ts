import { lstat, readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { mapBounded } from "../../base/flow/bounded.ts";
import { alarmOf } from "../published/publications.ts";
import type { Vault } from "../s3/client.ts";
import { writtenObjects } from "../s3/versions.ts";
import { auditPrefix, folderOf, maxEntryBytes, numberOf } from "./entry.ts";

/** A trail as it lies in a bucket or a folder. */
export interface StoredTrail {
  /** The bytes in each place; of what is larger than an entry can be, none. */
  readonly objects: ReadonlyMap<number, Uint8Array>;
  /** Keys below `audit/` that are no places of entries: somebody else has put them there. A few of them, and how many there are. */
  readonly others: { readonly count: number; readonly some: readonly string[] };
  /** What somebody did to entries that are there all the same, in words for people. */
  readonly alarms: readonly string[];
}

/** Entries of decades. More is somebody's doing: what sorts behind is not read. */
const most = 400_000;

/** Entries of these numbers alone. */
interface TrailPart {
  readonly from: number;
  readonly to: number;
}

function foldersOf({ from, to }: TrailPart): string[] {
  const folders = new Set<string>();
  for (let number = from; number <= to; number += 1) folders.add(`${auditPrefix}${folderOf(number)}/`);
  return [...folders];
}

function isWithin(number: number | undefined, part: TrailPart | undefined): boolean {
  return number !== undefined && (part === undefined || (number >= part.from && number <= part.to));
}

/** Every entry as it was written: one that somebody has hidden or replaced is read as before, and is an alarm. */
export async function readTrail(vault: Vault, part?: TrailPart): Promise<StoredTrail> {
  const found = await writtenObjects(vault, part === undefined ? [auditPrefix] : foldersOf(part), most);
  const entries = found.filter(({ key }) => isWithin(numberOf(key), part));
  const read = await mapBounded(entries, 24, async ({ key, versionId, bytes }): Promise<[number, Uint8Array]> => {
    const readable = bytes <= maxEntryBytes;
    const body = readable ? (await vault.get(key, { versionId, maxBytes: maxEntryBytes })).body : new Uint8Array();
    return [numberOf(key) ?? 0, body];
  });
  const of = (state: string): string[] => entries.filter((one) => one.state === state).map(({ key }) => key);
  return {
    objects: new Map(read),
    others: othersOf(found.map(({ key }) => key)),
    alarms: [
      ...alarmOf(
        of("hidden"),
        "hidden by delete markers, and read all the same",
        "entry of the audit trail",
        "entries of the audit trail",
      ),
      ...alarmOf(
        of("replaced"),
        "written again, and read as before",
        "entry of the audit trail",
        "entries of the audit trail",
      ),
    ],
  };
}

/** The same of an exported folder, which holds `audit/` as it lies in the bucket. */
export async function readTrailFolder(folder: string): Promise<StoredTrail> {
  const names = await readdir(join(folder, auditPrefix), { recursive: true }).catch((): string[] => []);
  const keys: string[] = [];
  const objects = new Map<number, Uint8Array>();
  for (const name of names.toSorted()) {
    const path = join(folder, auditPrefix, name);
    const found = await lstat(path);
    if (found.isDirectory()) continue;
    const key = `${auditPrefix}${name.replaceAll(sep, "/")}`;
    keys.push(key);
    const number = found.isFile() ? numberOf(key) : undefined;
    if (number === undefined) continue;
    objects.set(number, found.size <= maxEntryBytes ? await readFile(path) : new Uint8Array());
  }
  return { objects, others: othersOf(keys), alarms: [] };
}

function othersOf(keys: readonly string[]): StoredTrail["others"] {
  const others = keys.filter((key) => numberOf(key) === undefined);
  return { count: others.length, some: others.slice(0, 20) };
}

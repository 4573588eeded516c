import { ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { type Transport, watchPages } from "../../s3/transport.ts";
import type { Vault } from "./client.ts";

/** One stored version of an object, or a delete marker. In a bucket without versioning its id is `null`, as a word. */
export interface Version {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly marker: boolean;
  readonly latest: boolean;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
  /** `STANDARD`, `GLACIER`, …; of a marker none. */
  readonly storageClass?: string | undefined;
}

interface VersionPagesOptions {
  /** `/`: also the folders, those in which all is hidden included, and not what lies in them. */
  readonly delimiter?: "/";
  /** Where to begin; default: at the first key. */
  readonly from?: Wanted | undefined;
  /** Told what a page listed and the key that it ended with, where to go on; undefined: nowhere. */
  readonly skip?: (key: string, page: readonly Version[]) => Wanted | undefined;
}

export interface Wanted {
  /** The first key that matters. */
  readonly before: string;
  /** How many the next page is to list at most. */
  readonly most: number;
}

/** All versions and markers below `prefix`, those of one object from the newest on. */
export async function* versionPages(
  transport: Transport,
  prefix: string,
  { delimiter, from, skip }: VersionPagesOptions = {},
): AsyncGenerator<{ versions: Version[]; folders: string[] }> {
  let KeyMarker = from === undefined ? undefined : justBefore(from.before);
  let MaxKeys = from?.most;
  let VersionIdMarker: string | undefined;
  const goesOn = watchPages(transport.bucket, prefix);
  do {
    const page = await transport.request(
      { operation: "ListObjectVersions", key: prefix },
      ({ client, bucket, watch }) =>
        client.send(
          new ListObjectVersionsCommand({
            Bucket: bucket,
            Prefix: prefix,
            Delimiter: delimiter,
            KeyMarker,
            VersionIdMarker,
            MaxKeys,
          }),
          { abortSignal: watch.signal },
        ),
    );
    const versions: Version[] = [];
    const stored = [
      ...(page.Versions ?? []).map((one) => ({
        ...one,
        ...{ marker: false, bytes: one.Size ?? 0, storageClass: one.StorageClass },
      })),
      ...(page.DeleteMarkers ?? []).map((one) => ({ ...one, marker: true, bytes: 0, storageClass: undefined })),
    ];
    for (const { Key, VersionId, IsLatest = false, LastModified, marker, bytes, storageClass } of stored)
      if (Key)
        versions.push({
          ...{ key: Key, versionId: VersionId, marker, latest: IsLatest, bytes, lastModified: LastModified },
          ...(storageClass !== undefined && { storageClass }),
        });
    yield { versions, folders: (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []) };
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page;
    if (!goesOn(IsTruncated, NextKeyMarker && `${NextKeyMarker}\n${NextVersionIdMarker ?? ""}`)) return;
    KeyMarker = NextKeyMarker;
    VersionIdMarker = NextVersionIdMarker;
    if (skip === undefined || KeyMarker === undefined) continue;
    const wanted = skip(KeyMarker, versions);
    if (wanted === undefined) return;
    MaxKeys = wanted.most;
    // Never backwards: what sorts right before the wanted key may itself fill pages.
    if (justBefore(wanted.before) <= KeyMarker) continue;
    KeyMarker = justBefore(wanted.before);
    VersionIdMarker = undefined;
  } while (KeyMarker !== undefined);
}

/** A marker after which a list begins with this key: S3 lists what sorts behind its marker. */
function justBefore(key: string): string {
  const last = key.charCodeAt(key.length - 1);
  return `${key.slice(0, -1)}${String.fromCharCode(last - 1)}~`;
}

/** The same, all at once: for prefixes that hold few objects. */
export async function versionsBelow(transport: Transport, prefix: string): Promise<Version[]> {
  const found: Version[] = [];
  for await (const { versions } of versionPages(transport, prefix)) found.push(...versions);
  return found;
}

/** Whether anything of this was hidden by a delete marker: we leave none. A marker over nothing hides nothing. */
export function hidesAny(versions: readonly Version[]): boolean {
  const written = new Set(versions.filter(({ marker }) => !marker).map(({ key }) => key));
  return versions.some(({ key, marker, latest }) => marker && latest && written.has(key));
}

/**
 * A proof, or an object of the files' vault, as Lifeboat wrote it. We write each once, on the condition that there is none, and delete by
 * version alone: a delete marker over it, or a second version, is somebody else's doing, and what was written lies below.
 */
export interface WrittenObject {
  readonly key: string;
  /** Of what was written: the oldest version there is. */
  readonly versionId: string | undefined;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
  /** `hidden` by a delete marker, or `replaced` by a later version; either way the object is there. */
  readonly state: "as written" | "hidden" | "replaced";
}

/**
 * Every object below the prefixes, those that were hidden included.
 * @param most more objects than this are not looked for: who gets more has not got all, nor the right versions of them
 */
export async function writtenObjects(
  vault: Vault,
  prefixes: readonly string[],
  most = Number.POSITIVE_INFINITY,
): Promise<WrittenObject[]> {
  const found = new Map<string, WrittenObject>();
  const hidden = new Set<string>();
  for (const prefix of prefixes) {
    for await (const { versions } of versionPages(vault.transport, prefix)) {
      for (const { marker, latest, bytes, lastModified, ...version } of versions) {
        const key = ownText(version.key);
        const versionId = version.versionId === undefined ? undefined : ownText(version.versionId);
        if (marker) {
          if (latest) hidden.add(key);
          continue;
        }
        // The store lists an object's versions from the newest on.
        const state = found.has(key) ? "replaced" : "as written";
        found.set(key, { key, versionId, bytes, lastModified, state });
      }
      if (found.size > most) break;
    }
  }
  return [...found.values()].map((one) => (hidden.has(one.key) ? { ...one, state: "hidden" } : one));
}

/** A piece of a page's text keeps the whole page in memory. */
function ownText(piece: string): string {
  return Buffer.from(piece).toString();
}

/** The same vault, in which what was hidden or replaced is read as it was written. Signatures and hashes still decide. */
export function vaultAsWritten(vault: Vault, objects: Iterable<WrittenObject>): Vault {
  const versions = new Map<string, string | undefined>();
  for (const { key, versionId, state } of objects) if (state !== "as written") versions.set(key, versionId);
  if (versions.size === 0) return vault;
  return {
    ...vault,
    get: (key, options) => vault.get(key, { versionId: versions.get(key), ...options }),
    head: (key, versionId) => vault.head(key, versionId ?? versions.get(key)),
  };
}

/** The same without a list of all: each object is looked up when it is read. For few objects. */
export function readAsWritten(vault: Vault): Vault {
  return {
    ...vault,
    async get(key, options) {
      const found = (await writtenObjects(vault, [key])).find((one) => one.key === key);
      return vault.get(key, { versionId: found?.versionId, ...options });
    },
  };
}

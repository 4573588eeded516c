import { mapBounded } from "./bounded.ts";
import { setIdsBelow } from "./set-folders.ts";
import { manifestName } from "./signed-manifest.ts";
import type { Transport } from "./transport.ts";
import { type Version, versionPages } from "./versions.ts";

/** What became of the manifest in a folder that is named like a set. */
export interface Publication {
  /** The folder's name. */
  readonly set: string;
  /** `hidden`: there is one, and a delete marker over it. Lifeboat deletes by version and leaves none. */
  readonly state: "there" | "hidden" | "none";
  /** The marker's version id, where there is one. */
  readonly marker: string | undefined;
  /** It was written more than once, which Lifeboat never does. */
  readonly replaced: boolean;
  /** Bytes of the current version. */
  readonly bytes: number;
}

/** Folders whose manifests are looked for at once: first those whom most ask for, then so many that a million pass. */
const blocks = { first: 16, largest: 512, ranges: 4 } as const;

/** One folder right below a prefix such as `database/daily/`. */
export interface Folder {
  readonly prefix: string;
  readonly set: string;
}

/**
 * Folders named like sets below the prefixes, newest first, each with what became of its manifest. Reads no object and asks
 * for none: the store's list of versions tells about fifty sets a request, and passes over what else lies in a folder.
 */
export async function* publications(
  transport: Transport,
  prefixes: readonly string[],
): AsyncGenerator<Folder & Publication, void, undefined> {
  const folders: Folder[] = [];
  for (const prefix of prefixes)
    folders.push(...(await setIdsBelow(transport, prefix)).map((set) => ({ prefix, set })));
  folders.sort((a, b) => (a.set < b.set ? 1 : a.set > b.set ? -1 : 0));
  for (let from = 0, size: number = blocks.first; from < folders.length; from += size, size = blocks.largest) {
    const block = folders.slice(from, from + size);
    const found = new Map<string, Publication>();
    for (const prefix of prefixes) {
      const sets = block.filter((folder) => folder.prefix === prefix).map(({ set }) => set);
      for (const one of await lookAt(transport, prefix, sets)) found.set(prefix + one.set, one);
    }
    for (const folder of block) {
      const publication = found.get(folder.prefix + folder.set);
      if (publication !== undefined) yield { ...folder, ...publication };
    }
  }
}

/** The same of one folder, also when there is no such folder. */
export async function publicationOf(transport: Transport, prefix: string, set: string): Promise<Publication> {
  const [found] = await lookAt(transport, prefix, [set]);
  return found ?? describe(set, []);
}

async function lookAt(transport: Transport, prefix: string, sets: readonly string[]): Promise<Publication[]> {
  const ascending = sets.toSorted();
  const width = Math.max(blocks.first, Math.ceil(ascending.length / blocks.ranges));
  const ranges = Array.from({ length: Math.ceil(ascending.length / width) }, (_, index) =>
    ascending.slice(index * width, (index + 1) * width),
  );
  return (await mapBounded(ranges, blocks.ranges, (range) => lookAtRange(transport, prefix, range))).flat();
}

/** @param ascending ids in byte order; what lies between their manifests is skipped a page at a time */
async function lookAtRange(transport: Transport, prefix: string, ascending: readonly string[]): Promise<Publication[]> {
  const versions = new Map<string, Version[]>(ascending.map((set) => [`${prefix}${set}/${manifestName}`, []]));
  const keys = [...versions.keys()];
  let next = 0;
  /** The next manifest of which too little is known after a page that ended at `key`; undefined: there is none. */
  const skip = (key: string): string | undefined => {
    while (next < keys.length && ((keys[next] ?? "") < key || isKnown(versions.get(keys[next] ?? "") ?? []))) next++;
    return keys[next];
  };
  for await (const page of versionPages(transport, prefix, { before: keys[0], skip }))
    for (const version of page.versions) versions.get(version.key)?.push(version);
  return ascending.map((set) => describe(set, versions.get(`${prefix}${set}/${manifestName}`) ?? []));
}

/** Somebody can lay any number of versions and markers over a manifest: after so many it counts as hidden. */
const mostVersions = 10_000;

function isKnown(versions: readonly Version[]): boolean {
  return versions.filter(({ marker }) => !marker).length > 1 || versions.length > mostVersions;
}

function describe(set: string, versions: readonly Version[]): Publication {
  const written = versions.filter(({ marker }) => !marker);
  const marker = versions.find((version) => version.marker && version.latest);
  const none = written.length === 0 && versions.length <= mostVersions;
  const state = none ? "none" : marker === undefined ? "there" : "hidden";
  return {
    ...{ set, state, marker: marker?.versionId, replaced: written.length > 1 },
    bytes: written.find(({ latest }) => latest)?.bytes ?? 0,
  };
}

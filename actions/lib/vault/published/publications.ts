import { ConfigurationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { countOf, few } from "../../base/measures.ts";
import type { Transport } from "../../s3/transport.ts";
import { setIdPattern } from "../format/manifest.ts";
import type { Vault } from "../s3/client.ts";
import { type Version, versionPages, type Wanted } from "../s3/versions.ts";
import { setIdsBelow } from "./set-folders.ts";
import { manifestName, signatureName, type VerifySignature } from "./signed-manifest.ts";

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
  /** When it was stored, by the store's clock: the oldest version of it. */
  readonly storedAt: Date | undefined;
  /** A signature lies beside it, hidden or not. Without one nobody need read the manifest. */
  readonly signed: boolean;
}

/** Folders whose manifests are looked for at once: first those whom most ask for, then so many that a million pass. */
const blocks = { first: 16, growth: 4, largest: 2048, ranges: 8 } as const;

/**
 * A page costs by what it lists (SeaweedFS 4.48: 5 ms, and 0.4 ms for each version). Where folders hold little it lists what
 * the wanted ones hold, and no more; where they hold more than this, a short page finds one manifest, and the rest is skipped.
 */
const pages = { mostPerFolder: 4, shortest: 8, longest: 1000 } as const;

/** How many versions the last page listed for each folder that it passed: what the next ones are measured by. */
interface Pace {
  perFolder: number;
}

/** One folder right below a prefix such as `database/daily/`. */
interface Folder {
  readonly prefix: string;
  readonly set: string;
}

/**
 * Folders named like sets below the prefixes, newest first, each with what became of its manifest. Reads no object and asks
 * for none: the store's list of versions tells, a page for many folders that hold little, and passes over what else lies in one.
 */
export async function* publications(
  transport: Transport,
  prefixes: readonly string[],
): AsyncGenerator<Folder & Publication, void, undefined> {
  const below = async (prefix: string): Promise<Folder[]> =>
    (await setIdsBelow(transport, prefix)).map((set) => ({ prefix, set }));
  const folders = (await Promise.all(prefixes.map(below))).flat();
  folders.sort((a, b) => (a.set < b.set ? 1 : a.set > b.set ? -1 : 0));
  const pace: Pace = { perFolder: Number.POSITIVE_INFINITY };
  let size: number = blocks.first;
  for (let from = 0; from < folders.length; from += size, size = Math.min(blocks.largest, size * blocks.growth)) {
    const block = folders.slice(from, from + size);
    const found = new Map<string, Publication>();
    for (const prefix of prefixes) {
      const sets = block.filter((folder) => folder.prefix === prefix).map(({ set }) => set);
      for (const one of await inspectFolders(transport, prefix, sets, pace)) found.set(prefix + one.set, one);
    }
    for (const folder of block) {
      const publication = found.get(folder.prefix + folder.set);
      if (publication !== undefined) yield { ...folder, ...publication };
    }
  }
}

/** The same of one folder, also when there is no such folder. */
export async function publicationOf(transport: Transport, prefix: string, set: string): Promise<Publication> {
  const [found] = await inspectFolders(transport, prefix, [set], { perFolder: 1 });
  return found ?? describe(set, [], false);
}

async function inspectFolders(
  transport: Transport,
  prefix: string,
  sets: readonly string[],
  pace: Pace,
): Promise<Publication[]> {
  const ascending = sets.toSorted();
  const width = Math.max(1, Math.ceil(ascending.length / blocks.ranges));
  const ranges = Array.from({ length: Math.ceil(ascending.length / width) }, (_, index) =>
    ascending.slice(index * width, (index + 1) * width),
  );
  return (await mapBounded(ranges, blocks.ranges, (range) => inspectRange(transport, prefix, range, pace))).flat();
}

/** @param ascending ids in byte order; what lies between their manifests is skipped a page at a time */
async function inspectRange(
  transport: Transport,
  prefix: string,
  ascending: readonly string[],
  pace: Pace,
): Promise<Publication[]> {
  const keys = ascending.map((set) => `${prefix}${set}/${manifestName}`);
  const signatureOf = (key: string): string => key.slice(0, -manifestName.length) + signatureName;
  const versions = new Map<string, Version[]>(keys.flatMap((key) => [key, signatureOf(key)]).map((key) => [key, []]));
  const of = (key: string): readonly Version[] => versions.get(key) ?? [];
  /** Nobody has looked whether these have a signature. */
  const unseen = new Set<string>();
  const last = keys.at(-1) ?? "";
  let next = 0;
  const wanted = (most: number): Wanted | undefined => {
    const before = keys[next];
    return before === undefined ? undefined : { before, most };
  };
  /** Goes on with the next manifest of which too little is known. */
  const skip = (key: string, page: readonly Version[]): Wanted | undefined => {
    const from = next;
    for (let manifest = keys[next]; manifest !== undefined; manifest = keys[++next]) {
      const signature = signatureOf(manifest);
      if (signature < key || (manifest < key && isSigned(of(signature)))) continue;
      if (!isKnown(of(manifest))) break;
      unseen.add(manifest);
    }
    // No further: somebody lays versions over one manifest, or keys before it.
    if (next === from) return wanted(pages.longest);
    pace.perFolder = page.filter((version) => version.key <= last).length / (next - from);
    return wanted(pageSize(pace, keys.length - next));
  };
  // Narrow: whatever a page is to list, SeaweedFS reads a thousand folders ahead of it.
  const shared = sharedStart(keys[0] ?? prefix, last);
  // One alone is all that its own name begins: nothing lies before it.
  const from = shared === last ? undefined : wanted(pageSize(pace, keys.length));
  for await (const page of versionPages(transport, shared, { from, skip }))
    for (const version of page.versions) versions.get(version.key)?.push(version);
  return ascending.map((set, place) => {
    const manifest = keys[place] ?? "";
    return describe(set, of(manifest), unseen.has(manifest) || isSigned(of(signatureOf(manifest))));
  });
}

/** What two keys begin with alike, and with them all that sort between them. */
function sharedStart(first: string, last: string): string {
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return first.slice(0, length);
}

function pageSize({ perFolder }: Pace, folders: number): number {
  if (perFolder > pages.mostPerFolder) return pages.shortest;
  return Math.min(pages.longest, Math.max(pages.shortest, Math.ceil(folders * perFolder)));
}

/** Somebody can lay any number of versions and markers over a manifest: after so many it counts as hidden. */
const mostVersions = 10_000;

function isKnown(versions: readonly Version[]): boolean {
  return versions.filter(({ marker }) => !marker).length > 1 || versions.length > mostVersions;
}

/** So many markers over nothing may hide one, too. */
function isSigned(versions: readonly Version[]): boolean {
  return versions.some(({ marker }) => !marker) || versions.length > mostVersions;
}

function describe(set: string, versions: readonly Version[], signed: boolean): Publication {
  const written = versions.filter(({ marker }) => !marker);
  const marker = versions.find((version) => version.marker && version.latest);
  const none = written.length === 0 && versions.length <= mostVersions;
  const state = none ? "none" : marker === undefined ? "there" : "hidden";
  return {
    ...{ set, state, marker: marker?.versionId, replaced: written.length > 1, signed },
    bytes: written.find(({ latest }) => latest)?.bytes ?? 0,
    storedAt: written.at(-1)?.lastModified,
  };
}

/** A set, or a snapshot of the files, whose manifest lies under a delete marker. */
type Hidden = Folder & Pick<Publication, "marker">;

/** The command that shows a hidden manifest again: it removes the marker, and nothing else. */
export function showAgain(vault: Vault, { prefix, set, marker }: Hidden): string {
  const version = marker === undefined ? "" : ` --version-id ${marker}`;
  return `aws s3api delete-object --bucket ${vault.bucket} --key ${prefix}${set}/${manifestName}${version}`;
}

/** @throws nothing; for whoever was asked for it by name, or for the newest */
export function hiddenError(vault: Vault, hidden: Hidden, wanted: string): ConfigurationError {
  const what = wanted === "latest" ? "The newest is not" : "It is not";
  return new ConfigurationError(
    "set-hidden",
    `${hidden.prefix}${hidden.set}/ is hidden by a delete marker over its manifest, and not by Lifeboat. ${what} to be had before somebody has looked`,
    `Find out who wrote the marker. Then show it again with \`${showAgain(vault, hidden)}\`, or name another by its id (\`lifeboat list\`).`,
  );
}

/** The same as what is wrong with one of a list. */
export function hiddenProblem(vault: Vault, hidden: Hidden): string {
  return `it is hidden by a delete marker that Lifeboat did not write; ${showAgain(vault, hidden)} shows it again`;
}

/** What `latest` passes over: what was made while an incident was on is never the newest good one. */
export interface LatestOptions {
  /** Checks signatures: only a mark that a trusted key has signed makes one passed over. Without it none is. */
  readonly verify?: VerifySignature | undefined;
  /** Told in one sentence which newer ones were passed over. */
  readonly passedOver?: ((sentence: string) => void) | undefined;
}

interface Resolving {
  readonly name: "set" | "snapshot";
  readonly where: string;
  /** The command that lists all. */
  readonly list: string;
  /** Whether a trusted manifest says that it was made while an incident was on. */
  readonly isMarked?: ((found: Folder & Publication) => Promise<boolean>) | undefined;
  readonly passedOver?: LatestOptions["passedOver"];
}

/**
 * Finds something published by its id, or the newest. That it can be trusted is for whoever reads it to say: a newest one
 * with a foreign signature, or a hidden one, is to be refused loudly, not passed over.
 * @param wanted `latest` or an id
 * @param kind how it is called, where it was looked for, and what the newest is not
 * @throws ConfigurationError `set-id`, `set-unknown` or `snapshot-unknown`, `set-hidden`
 */
export async function resolvePublished(
  vault: Vault,
  wanted: string,
  prefixes: readonly string[],
  kind: Resolving,
): Promise<Folder> {
  const { name, where, list } = kind;
  if (wanted !== "latest" && !setIdPattern.test(wanted))
    throw new ConfigurationError(
      "set-id",
      `A ${name} is named \`latest\` or like 20261122T221500Z-1a2b3c4d`,
      `See \`${list}\` for the names.`,
    );
  const found = wanted === "latest" ? await newestOf(vault, prefixes, kind) : await namedOf(vault, wanted, prefixes);
  if (found?.state === "there") return found;
  if (found !== undefined) throw hiddenError(vault, found, wanted);
  const what = wanted === "latest" ? `There is no ${name} yet` : `There is no ${name} ${wanted}`;
  throw new ConfigurationError(`${name}-unknown`, `${what} in ${where}`, `See \`${list}\`.`);
}

async function newestOf(
  vault: Vault,
  prefixes: readonly string[],
  { name, list, isMarked, passedOver }: Resolving,
): Promise<(Folder & Publication) | undefined> {
  const marked: string[] = [];
  const told = (): string =>
    `${countOf(marked.length, `newer ${name}`)} (${few(marked, 3)}) ${marked.length === 1 ? "was" : "were"} made while an incident was on`;
  for await (const found of publications(vault.transport, prefixes)) {
    if (found.state === "none") continue;
    if (found.state === "there" && (await isMarked?.(found)) === true) {
      marked.push(found.set);
      continue;
    }
    if (marked.length > 0) passedOver?.(`latest is ${found.set}: ${told()}. To use one, name it.`);
    return found;
  }
  if (marked.length === 0) return undefined;
  throw new ConfigurationError(
    `${name}-unknown`,
    `There is no ${name} that counts as the newest good one: ${told()}`,
    `Name one (\`${list}\`), when you are sure that what the incident is about is not in it.`,
  );
}

async function namedOf(vault: Vault, set: string, prefixes: readonly string[]) {
  for (const prefix of prefixes) {
    const found = await publicationOf(vault.transport, prefix, set);
    if (found.state !== "none") return { prefix, ...found };
  }
  return undefined;
}

/** What is said of what somebody else did to the vault; nothing when they did nothing. Ids and keys name nobody. */
export function alarmOf(names: readonly string[], how: string, kind: string, kinds = `${kind}s`): string[] {
  if (names.length === 0) return [];
  return [`ALARM: ${how}, and not by Lifeboat: ${countOf(names.length, kind, kinds)} (${few(names, 3)}).`];
}

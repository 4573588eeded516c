/**
 * Where things lie in the vault of the files (S3_STORAGE_BUCKET). No name tells anything of a file: paths hold people's
 * names. A run has an id of its own (`<UTC time>-<8 hex>`, as sets have), and nothing it wrote is ever overwritten.
 *
 *     snapshots/<run>/keys.pgp                       session key of the packs and files that this run stored
 *     snapshots/<run>/index.keys.pgp                 key of the lists that this run wrote
 *     snapshots/<run>/lists/0000.ndjson.zst.pgp      lists of files, sealed with it
 *     snapshots/<run>/head.json.zst.pgp              sealed with it: what the next run compares with; the buckets
 *     snapshots/<run>/findings.ndjson.zst.pgp        sealed with it: what was not as it should be, by name
 *     snapshots/<run>/layer.json                     which lists and objects the run added
 *     snapshots/<run>/journal/00001.ndjson.zst.pgp   for the next run where this one was killed; removed by retention
 *     snapshots/<run>/RECOVER.md                     only where the text is another than in the snapshot before
 *     snapshots/<run>/manifest.json(.sig)            last; a run that was killed has none
 *     packs/<run>/00001.tar.zst.pgp                  many small files
 *     files/<run>/00001.zst.pgp                      one large file (`.002`, … when it is longer than an object may be)
 */
export function snapshotPrefix(run: string): string {
  return `snapshots/${run}/`;
}

export const indexKeysName = "index.keys.pgp";
export const headName = "head.json.zst.pgp";
export const findingsName = "findings.ndjson.zst.pgp";
export const layerName = "layer.json";
export const recoverName = "RECOVER.md";
/** One backup at a time works on the database's vault, whatever its tier. */
export const backupLease = "backup-database";
/** One lease guards the vault of the files against two writers. */
export const syncLease = "sync-storage";

export const listName = (number: number): string => `lists/${numbered(number, 4)}.ndjson.zst.pgp`;
export const journalPrefix = (run: string): string => `${snapshotPrefix(run)}journal/`;
export const journalName = (number: number): string => `journal/${numbered(number, 5)}.ndjson.zst.pgp`;
export const packKey = (run: string, number: number): string => `packs/${run}/${numbered(number, 5)}.tar.zst.pgp`;
export const fileKey = (run: string, number: number): string => `files/${run}/${numbered(number, 5)}.zst.pgp`;

/** Name of a file inside its pack: a number, because paths may be hostile to whoever unpacks them. */
export const packEntry = (number: number): string => numbered(number, 6);

/** Below them lies everything that runs write. */
export const filesPrefixes = ["snapshots/", "packs/", "files/"] as const;

/** Prefixes of everything that one run wrote. */
export function runPrefixes(run: string): readonly string[] {
  return filesPrefixes.map((prefix) => `${prefix}${run}/`);
}

/** The run that stored a pack or a large file: its `keys.pgp` opens it. Undefined for other keys. */
export function runOfObject(key: string): string | undefined {
  return /^(?:packs|files)\/([^/]+)\/\d/.exec(key)?.[1];
}

const sealed = /\.zst\.pgp(\.\d{3})?$/;
const ofSet: ReadonlySet<string> = new Set([
  "keys.pgp",
  "secrets.pgp",
  "RECOVER.md",
  "manifest.json",
  "manifest.json.sig",
]);

/** Whether something in a set's folder is named like a part of its data, which its keys open. @param name below it */
export function isSealedPart(name: string): boolean {
  return sealed.test(name);
}

/** Whether something in a set's folder is named as our own objects are: what is not, somebody else has put there. @param name below it */
export function isOfSet(name: string): boolean {
  return ofSet.has(name) || sealed.test(name);
}

/** The same of a whole key in the vault of the files. */
export function isOfFiles(key: string): boolean {
  const [prefix = "", run = "", ...rest] = key.split("/");
  if (!(filesPrefixes as readonly string[]).includes(`${prefix}/`) || !/^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(run))
    return false;
  const name = rest.join("/");
  return prefix === "snapshots" ? isOfSet(name) || name === layerName || name === indexKeysName : sealed.test(name);
}

function numbered(number: number, digits: number): string {
  return String(number).padStart(digits, "0");
}

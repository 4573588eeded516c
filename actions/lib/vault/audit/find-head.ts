import { OperationError } from "../../base/errors.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { versionPages, type WrittenObject, writtenObjects } from "../s3/versions.ts";
import {
  auditPrefix,
  entriesAFolder,
  entryKey,
  folderOf,
  type Head,
  hashOf,
  maxEntryBytes,
  noHead,
  numberOf,
  parseEntry,
} from "./entry.ts";

/** Whose signatures on entries count; undefined: no key is pinned yet, and none can be asked for. */
export type TrustEntries = VerifySignature | undefined;

/** What is looked at before the trail is called flooded: strangers' folders, objects in one, unsigned entries in a row. */
const most = { pages: 5, folders: 40, objects: 2000, runs: 5, unsigned: entriesAFolder } as const;

export interface FoundHead {
  readonly head: Head;
  /** The store's clock when it was read; undefined for an empty trail. */
  readonly at: Date | undefined;
}

/**
 * The last entry, by two lists and, mostly, one read, however long the trail is. Entries count as they were written: one that
 * somebody has hidden or replaced is still the one before ours. What lies behind a gap is a stranger's, unless a trusted key
 * has signed it; what lies in the very next place is taken as it is, so that nobody can block the trail with it.
 * @throws OperationError `audit-flooded`
 */
export async function findHead(vault: Vault, trust: TrustEntries): Promise<FoundHead> {
  const folders = await foldersOf(vault);
  for (const folder of folders.slice(0, most.folders)) {
    const objects = await writtenObjects(vault, [`${auditPrefix}${folder}/`], most.objects);
    const places = new Map(objects.flatMap((one) => placed(one)));
    for (const row of rowsOf([...places.keys()]).slice(0, most.runs)) {
      const found = await headOf(vault, row, places, trust);
      if (found !== undefined) return found;
    }
  }
  if (folders.length <= most.folders) return { head: noHead, at: undefined };
  throw new OperationError(
    "audit-flooded",
    `The end of the audit trail in bucket ${vault.bucket} cannot be found among what strangers have put there`,
    "`lifeboat audit verify` names it. Find out who can write below audit/, and take it away: runbooks/audit-trail.md.",
  );
}

/** Newest first. */
async function foldersOf(vault: Vault): Promise<string[]> {
  const found: string[] = [];
  let pages = 0;
  for await (const { folders } of versionPages(vault.transport, auditPrefix, { delimiter: "/" })) {
    found.push(...folders.map((folder) => folder.slice(auditPrefix.length, -1)).filter((one) => /^\d{6}$/.test(one)));
    pages += 1;
    if (pages === most.pages) break;
  }
  return found.sort().reverse();
}

function placed(one: WrittenObject): [number, WrittenObject][] {
  const number = numberOf(one.key);
  return number === undefined ? [] : [[number, one]];
}

/** Numbers that follow one another, each row from its last on; the last row first. */
export function rowsOf(numbers: readonly number[]): number[][] {
  const rows: number[][] = [];
  for (const number of numbers.toSorted((a, b) => b - a)) {
    const row = rows.at(-1);
    if (row?.at(-1) === number + 1) row.push(number);
    else rows.push([number]);
  }
  return rows;
}

/** @returns undefined for a row that nobody whom we trust has written */
async function headOf(
  vault: Vault,
  row: readonly number[],
  places: ReadonlyMap<number, WrittenObject>,
  trust: TrustEntries,
): Promise<FoundHead | undefined> {
  let found: FoundHead | undefined;
  for (const number of row.slice(0, most.unsigned)) {
    const one = places.get(number);
    if (one === undefined || one.bytes > maxEntryBytes) return undefined;
    const { body, serverDate } = await vault.get(one.key, { versionId: one.versionId, maxBytes: maxEntryBytes });
    found ??= { head: { count: number, sha256: hashOf(body) }, at: serverDate };
    // From here on the row goes on to the first entry, or to that of the folder before: nobody has laid it down apart.
    if (number === 1) return found;
    const stored = parseEntry(body);
    if (stored?.entry.number !== number) continue;
    if (trust === undefined) return found;
    const { signature, signedBytes } = stored;
    const signed = signature !== null && (await trust(signedBytes, signature).then(Boolean, () => false));
    if (signed) return found;
    if (number % entriesAFolder === 0 && (await isThere(vault, number - 1))) return found;
  }
  return undefined;
}

async function isThere(vault: Vault, number: number): Promise<boolean> {
  const key = entryKey(number);
  const objects = await writtenObjects(vault, [key], 10);
  return folderOf(number) !== folderOf(number + 1) && objects.some((one) => one.key === key);
}

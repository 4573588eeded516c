import { OperationError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import { isErased, type LedgerRule, placeOf } from "../../vault/erasures/entries.ts";
import { hashOfValue } from "../../vault/erasures/hash-key.ts";
import { patternOf } from "../../vault/erasures/script.ts";
import type { Context } from "../context.ts";
import { erasuresOf } from "./open-erasures.ts";
import type { Erasures } from "./replay.ts";

/** A file, as far as a rule looks at it. */
export interface FileNamed {
  readonly bucket: string;
  readonly name: string;
  readonly ownerId: string | null;
}

/** The table whose rows tell of files: its rules are about their bytes, too. */
export const filesTable = "storage.objects";

interface Place {
  readonly place: string;
  readonly bucket: string | undefined;
  valueOf(file: FileNamed): string | undefined;
  /** The entry of each hash, and how many files it may take. */
  readonly hashes: Map<string, { readonly entry: number; readonly most: number }>;
}

/**
 * Tells whether a file was erased, by the rules and hashes of the ledger.
 * @returns a judge, which counts: it throws OperationError `erasure-too-much` for more files than an entry is signed for
 */
export function erasedFiles({ entries, key }: Erasures): (file: FileNamed) => boolean {
  const places = new Map<string, Place>();
  for (const entry of entries.filter(isErased)) {
    for (const rule of entry.rules) {
      if (rule.table !== filesTable || rule.action !== "delete" || rule.hash === null) continue;
      const place = places.get(placeOf(rule)) ?? readPlace(rule);
      if (place === undefined) continue;
      places.set(placeOf(rule), place);
      const most = Math.max(rule.most, place.hashes.get(rule.hash)?.most ?? 0);
      place.hashes.set(rule.hash, { entry: entry.number, most });
    }
  }
  const counts = new Map<string, number>();
  return (file) =>
    [...places.values()].some((one) => {
      if (one.bucket !== undefined && one.bucket !== file.bucket) return false;
      const value = one.valueOf(file);
      const hash = value === undefined ? "" : hashOfValue(key, one.place, value);
      const found = one.hashes.get(hash);
      if (found === undefined) return false;
      const count = (counts.get(`${one.place} ${hash}`) ?? 0) + 1;
      counts.set(`${one.place} ${hash}`, count);
      if (count <= found.most) return true;
      throw new OperationError(
        "erasure-too-much",
        `Erasure ${found.entry} would take more than the ${countOf(found.most, "file")} that were signed.`,
        "Look at what the rule finds. Where it is right, `lifeboat erase` the person again with a higher --most.",
      );
    });
}

/** The same by the ledger of the vault, as far as it can be told. */
export async function erasedFilesOf(context: Context): Promise<((file: FileNamed) => boolean) | undefined> {
  const { erasures } = await erasuresOf(context);
  return erasures && erasedFiles(erasures);
}

function readPlace(rule: LedgerRule): Place | undefined {
  const { find } = rule;
  const common = {
    ...{ place: placeOf(rule), bucket: "only" in find ? find.only?.value : undefined },
    hashes: new Map<string, { entry: number; most: number }>(),
  };
  if ("pattern" in find && find.column === "name") {
    const pattern = new RegExp(patternOf(find.pattern));
    return { ...common, valueOf: ({ name }) => pattern.exec(name)?.[1] };
  }
  if (!("of" in find) && find.column === "owner_id")
    return { ...common, valueOf: ({ ownerId }) => ownerId ?? undefined };
  return undefined;
}

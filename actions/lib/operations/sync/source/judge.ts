import { OperationError } from "../../../base/errors.ts";
import type { StoragePolicy } from "../../../config/policy/storage.ts";
import { StoreFailure } from "../../../s3/store-errors.ts";
import type { SourceRow } from "../../../storage/rows.ts";
import { type ContentFacts, type Fetcher, fetchWhole, fitsRow } from "./fetch-file.ts";
import type { Tally } from "./tally.ts";

/** Looks a file up as it is now; undefined: there is none any more. */
export type LookUp = (bucket: string, name: string) => Promise<SourceRow | undefined>;

/** What one attempt to read gave. */
export interface Read<Content> {
  readonly facts: ContentFacts;
  readonly content: Content;
  /** Takes back what was stored of it. */
  discard(): void;
}

export type Verdict<Content> =
  | { readonly kind: "read"; readonly row: SourceRow; readonly read: Read<Content> }
  | { readonly kind: "vanished" }
  /** It grew beyond what is read whole: to be streamed. */
  | { readonly kind: "large"; readonly row: SourceRow }
  /** The row is there, and the file is not to be had. */
  | { readonly kind: "unreadable"; readonly row: SourceRow; readonly code: string };

const attempts = 7;
/** Readings that must agree before a row is called wrong: what spoils one answer may spoil the next alike. */
const alikeEnough = 3;

/**
 * Reads a file until what was read is what a row says, as the row is at that time. The endpoint checks nothing, and files
 * are replaced and deleted while a copy runs: what does not fit is compared with the row of now before it is believed.
 *
 * - the row is gone: vanished
 * - the row is another: the new content is read, and named `replaced`
 * - the row is the same, and the content comes three times alike: it is taken as it is, and named `unlike-row`
 *
 * @throws OperationError `file-unsteady` when a content is another each time it is read
 */
export async function readJudged<Content>(
  first: SourceRow,
  read: (row: SourceRow) => Promise<Read<Content>>,
  lookUp: LookUp,
  tally: Tally,
): Promise<Verdict<Content>> {
  let row = first;
  let replaced = false;
  let alike: { readonly sha256: string; times: number } | undefined;
  const settle = (found: Read<Content>): Verdict<Content> => {
    if (replaced) tally.find("replaced", row, "replaced while the copy ran; the newer content is in the snapshot");
    return { kind: "read", row, read: found };
  };
  for (let attempt = 1; attempt <= attempts; attempt++) {
    let found: Read<Content> | undefined;
    let trouble: string | undefined;
    try {
      found = await read(row);
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      trouble = error.answer.code;
    }
    if (found !== undefined && fitsRow(found.facts, row)) return settle(found);
    const now = await lookUp(row.bucket, row.name);
    if (now === undefined) {
      found?.discard();
      tally.find("vanished", row, "deleted while the copy ran");
      return { kind: "vanished" };
    }
    if (isOther(now, row)) {
      replaced = true;
      row = now;
      alike = undefined;
      if (found !== undefined && fitsRow(found.facts, row)) return settle(found);
      found?.discard();
      continue;
    }
    if (trouble === "too-large") return { kind: "large", row };
    if (trouble === "changed-midway") continue;
    if (found === undefined) return { kind: "unreadable", row, code: trouble ?? "unknown" };
    alike = alike?.sha256 === found.facts.sha256 ? alike : { sha256: found.facts.sha256, times: 0 };
    if (++alike.times === alikeEnough) {
      tally.find("unlike-row", row, `the row tells ${row.rowBytes} bytes, ETag ${row.etag}; read ${found.facts.bytes}`);
      return settle(found);
    }
    found.discard();
  }
  throw new OperationError(
    "file-unsteady",
    "A file of Storage is another each time it is read, while its row stays as it is.",
    "Something between here and Storage spoils what passes; what was copied is kept. Run again from another network.",
  );
}

function isOther(one: SourceRow, other: SourceRow): boolean {
  return (
    one.version !== other.version ||
    one.etag !== other.etag ||
    one.rowBytes !== other.rowBytes ||
    one.lastModified !== other.lastModified
  );
}

/** A file that could not be read, and the endpoint's code for it. */
export interface Suspect {
  /** `wasLost`: nobody expects to find it. */
  readonly task: { readonly row: SourceRow; readonly wasLost?: boolean };
  readonly code: string;
}

/** So many files that were there and cannot be read, and none that can: that is no loss but an outage. */
const fewestOfAnOutage = 10;

/**
 * Whether files that cannot be read are lost, or the endpoint gives none at present: a file that it gave before tells. Where
 * it gave none, a few are believed to be lost when it still lists a bucket.
 *
 * @throws OperationError `source-unavailable`
 */
export async function assertGivesFiles(
  fetcher: Fetcher,
  seen: {
    readonly control: SourceRow | undefined;
    readonly readable: number;
    readonly suspects: readonly Suspect[];
    readonly policy: StoragePolicy;
  },
): Promise<void> {
  const { control, readable, policy } = seen;
  const unread = seen.suspects.filter(({ code }) => code !== "NoSuchKey" && code !== "InvalidKey");
  const [first] = unread;
  if (first === undefined) return;
  try {
    if (control !== undefined) await fetchWhole(fetcher, control, policy.smallFileBytes);
    else if (readable > 0) return;
    else if (unread.filter(({ task }) => task.wasLost !== true).length >= fewestOfAnOutage)
      throw sourceUnavailable(unread.length, first.code);
    else await fetcher.endpoint.assertListed(first.task.row.bucket, fetcher.signal);
  } catch (error) {
    fetcher.signal.throwIfAborted();
    if (!(error instanceof StoreFailure) || (control !== undefined && error.answer.verdict !== "again")) throw error;
    throw sourceUnavailable(unread.length, first.code);
  }
}

function sourceUnavailable(files: number, code: string | undefined): OperationError {
  return new OperationError(
    "source-unavailable",
    `Storage did not give ${files} files, and gives no other at present (${code ?? "no reason given"}).`,
    "Look at the project's health; what was copied is kept for the next run.",
  );
}

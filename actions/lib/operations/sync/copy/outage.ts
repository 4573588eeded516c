import { OperationError } from "../../../base/errors.ts";
import type { StoragePolicy } from "../../../config/policy/storage.ts";
import { EndpointTrouble } from "../../../storage/endpoint.ts";
import type { SourceRow } from "../../../storage/rows.ts";
import { type Fetcher, fetchWhole } from "../source/fetch-file.ts";

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
      throw new EndpointTrouble(500, first.code);
    else await fetcher.endpoint.document(first.task.row.bucket, { "list-type": "2", "max-keys": "1" }, fetcher.signal);
  } catch (error) {
    fetcher.signal.throwIfAborted();
    if (!(error instanceof EndpointTrouble) || (control !== undefined && !error.passing)) throw error;
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

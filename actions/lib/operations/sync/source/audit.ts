import { OperationError } from "../../../base/errors.ts";
import { EndpointTrouble, type StorageEndpoint } from "../../../storage/endpoint.ts";
import { listFiles } from "../../../storage/listing.ts";
import type { Bucket, SourceRow } from "../../../storage/rows.ts";
import type { LookUp } from "./judge.ts";
import type { Tally } from "./tally.ts";

/**
 * Looks for files that the endpoint lists and the database has no row of. Supabase's own endpoint lists from the rows
 * (observed), so that it shows none; one in front of a plain store does. One that came after the list was read is no
 * orphan: the row of now decides.
 * @param rows every row of the list, by any order
 */
export async function findOrphans(
  endpoint: StorageEndpoint,
  buckets: readonly Bucket[],
  rows: AsyncIterable<{ readonly rows: readonly SourceRow[] }>,
  lookUp: LookUp,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, Set<string>>(buckets.map(({ id }) => [id, new Set()]));
  for await (const { rows: some } of rows) for (const { bucket, name } of some) known.get(bucket)?.add(name);
  for (const { id } of buckets) {
    try {
      for await (const file of listFiles(endpoint, id, signal)) {
        if (known.get(id)?.has(file.name) || (await lookUp(id, file.name)) !== undefined) continue;
        tally.find("orphan", file, "the endpoint lists it, and there is no row");
      }
    } catch (error) {
      // A bucket that the endpoint does not have holds no file without a row.
      if (!(error instanceof EndpointTrouble)) throw error;
      if (!error.missing) throw unlistable(id, error);
    }
  }
}

function unlistable(bucket: string, { message }: EndpointTrouble): OperationError {
  return new OperationError(
    "source-unavailable",
    `The endpoint does not list bucket ${bucket}: ${message}.`,
    "Look at the project's health, and run the audit again.",
  );
}

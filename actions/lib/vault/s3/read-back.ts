import { OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Segment } from "../format/manifest.ts";
import type { Vault } from "./client.ts";
import { readRange, Unlike } from "./read-range.ts";

export interface ReadBackOptions {
  /** Parts read at a time; default 3. Nothing is kept in memory. */
  readonly inFlight?: number;
  readonly signal?: AbortSignal;
  /** Called with the bytes of each part that has proved equal. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Reads everything that was stored and compares it with what was sent, part by part. There is no second chance: a store
 * that answers once with other bytes is not one to publish a set in.
 * @throws OperationError `stored-differs` names the object and the part; `s3-unavailable`
 */
export async function readBack(
  vault: Vault,
  prefix: string,
  segments: readonly Segment[],
  options: ReadBackOptions = {},
): Promise<void> {
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal;
  const parts = segments.flatMap((segment) => {
    let offset = 0;
    return segment.parts.map((part, index) => {
      const from = offset;
      offset += part.bytes;
      return { segment, part, index, offset: from };
    });
  });
  try {
    await mapBounded(parts, options.inFlight ?? 3, async ({ segment, part, index, offset }) => {
      const key = prefix + segment.key;
      const range = { key, offset, bytes: part.bytes, objectBytes: segment.bytes };
      const differs = (how: string) =>
        new OperationError(
          "stored-differs",
          `${key} in bucket ${vault.bucket} ${how}: the store does not hold what was sent (part ${index + 1} of ${segment.parts.length})`,
          "Do not trust this bucket before its store has been looked at; run the backup again.",
        );
      const sha256 = await readRange(vault.transport, range, { signal }).catch((error: unknown) => {
        throw error instanceof Unlike ? differs(error.message) : error;
      });
      if (sha256 !== part.sha256) throw differs("has another SHA-256");
      options.onBytes?.(part.bytes);
    });
  } catch (error) {
    ended.abort(error); // the other lanes need not finish their parts
    throw error;
  }
}

import { OperationError } from "../runtime/errors.ts";
import type { Fingerprint } from "../source/inventory/model.ts";

/**
 * Computes a table's fingerprint from its rows in COPY's text format, without a database: each line is turned into what
 * `ROW(columns)::text` gives for it, and that is hashed as `hashtextextended` does. See source/fingerprint.
 *
 * Holds one row. The database's encoding has to be one in which ASCII bytes stand for themselves only and no other byte
 * is white space, as in UTF-8.
 */
export interface RowHasher {
  /**
   * Takes the next bytes, cut anywhere.
   * @throws OperationError `rows-malformed` when a row has not the expected number of columns
   */
  push(chunk: Uint8Array): void;
  /** @throws OperationError `rows-malformed` when the last row is cut off */
  finish(): Fingerprint;
}

/** The same for rows as a pg_dump archive holds them: in frames, with COPY's end marker in the last one. */
export interface FramedRowHasher {
  /**
   * Takes the next bytes, cut anywhere, up to the end of the frames.
   * @returns how many it has taken: all of them before the end
   * @throws OperationError `rows-malformed`
   */
  push(chunk: Uint8Array): number;
  /** Whether the last frame has passed. */
  readonly ended: boolean;
  /** @throws OperationError `rows-malformed` when the end marker is missing */
  finish(): Fingerprint;
}

export function malformed(what: string, row: number | bigint): OperationError {
  return new OperationError(
    "rows-malformed",
    `Rows in the dump are not as COPY writes them: ${what}, after ${row} rows.`,
    "Use another backup set, and report this one.",
  );
}

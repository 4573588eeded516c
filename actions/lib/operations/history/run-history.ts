import { ConfigurationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { changeBetween } from "../../compare/table-changes.ts";
import type { Config } from "../../config/load.ts";
import { parseQualified, tableName } from "../../postgres/identifier.ts";
import { manifestVerifier } from "../../vault/configured.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Opening, sealedIndexKey } from "../../vault/sets/open-set.ts";
import type { IndexKeys } from "../../vault/sets/table-index.ts";
import { type Jump, largestJump } from "./jump.ts";
import { type RowInSet, rowInSets } from "./one-row.ts";
import { chooseSets, type InSet, readTable, type Step } from "./read-table.ts";

/** What indexes open with; the row of a set opens with `opening` alone. */
export interface HistoryKeys extends Pick<IndexKeys, "signing"> {
  readonly opening?: Opening | undefined;
}

export interface HistoryRequest {
  readonly vault: Vault;
  readonly config: Config;
  readonly keys: HistoryKeys;
  /** As somebody typed it. */
  readonly table: string;
  readonly key?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly newest?: number | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

export interface History {
  readonly table: string;
  /** Oldest first. */
  readonly steps: readonly Step[];
  /** Null: nothing stands out. */
  readonly jump: Jump | null;
  /** With a key: the row as it is in each set, in the same order. */
  readonly row: { readonly key: readonly string[]; readonly sets: readonly RowInSet[] } | null;
}

/**
 * What the sets' indexes tell of one table, and on demand one row of it as it is in each set. Nothing is written.
 *
 * @throws ConfigurationError `usage`, `sets-missing`, `indexes-missing`, `table-unknown`, `key-missing`, `index-key-foreign`, and what the
 * store throws. A single set that cannot be read is told in its step.
 */
export async function runHistory(request: HistoryRequest): Promise<History> {
  const { vault, config, keys, log, signal } = request;
  const named = parseQualified(request.table);
  if (named === undefined)
    throw new ConfigurationError(
      "usage",
      `${request.table} is not the name of a table with its schema.`,
      "Write schema.table, e.g. --table public.exams.",
    );
  const table = tableName(named);
  const manifests = await chooseSets(vault, await manifestVerifier(config), request);
  const { signing, opening } = keys;
  const ofIndexes = { signing, ...(opening && { sealed: sealedIndexKey(vault, opening) }) };
  const found = await readTable(vault, manifests, table, ofIndexes, { log, ...(signal && { signal }) });
  let before: InSet | undefined;
  const steps = found.map((one): Step => {
    const known = before?.state !== undefined || one.state !== undefined;
    const change = before && one.problem === null && known ? changeBetween(before.state, one.state) : null;
    if (one.problem === null) before = one;
    return { ...one, change };
  });
  const row =
    request.key === undefined ? null : await rowInSets(vault, steps, table, request.key, opening, { log, signal });
  return { table, steps, jump: largestJump(steps), row };
}

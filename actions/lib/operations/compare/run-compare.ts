import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { tableName } from "../../postgres/identifier.ts";
import { objectStates } from "../../vault/bucket/thaw.ts";
import { openingKey, trustedSigners } from "../../vault/configured.ts";
import { announceUse } from "../../vault/holds/uses.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type OpenSet, openSet } from "../../vault/sets/open-set.ts";
import { brokenOff, targetConnector } from "../target/sessions.ts";
import { refuseFrozen } from "../thaw/thaw-set.ts";
import type { RowCounts } from "./difference.ts";
import { type GoodSide, setSide } from "./good-side.ts";
import {
  countByColumn,
  groupByTransaction,
  groupMissing,
  type MissingGroup,
  type Sample,
  sampleRows,
  type Transactions,
} from "./groups.ts";
import { parseTable } from "./live-table.ts";
import type { ColumnMatch } from "./match-columns.ts";
import { prepareDifference } from "./prepare-difference.ts";
import { compareSets } from "./two-sets.ts";

export interface CompareRequest {
  readonly config: Config<"vault" | "opening">;
  readonly vault: Vault;
  readonly set: string;
  /** As a person writes it: `schema.table`. */
  readonly table: string;
  /** The target's table, or another set's rows of it. */
  readonly against: Config<"target"> | { readonly set: string };
  readonly columns?: readonly string[] | undefined;
  readonly where?: string | undefined;
  /** Of rows that may be put beside the live table for the time of the comparison. */
  readonly mostBytes: number;
  /** Some rows' values are wanted, for the eyes of who holds the key. */
  readonly values: boolean;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** Names and counts; values only where they were asked for. */
export interface CompareResult {
  readonly set: string;
  readonly snapshotAt: string;
  readonly table: string;
  /** `target <name>` or `set <id>`. */
  readonly against: string;
  readonly counts: RowCounts;
  readonly columns: Omit<ColumnMatch, "both">;
  readonly key: readonly string[] | null;
  readonly keyless?: string;
  /** With --where: rows of the live table that it holds for. */
  readonly chosen?: number;
  readonly byColumn: readonly { readonly column: string; readonly rows: number }[];
  /** Changed rows whose columns were compared, where these are not all: `byColumn` counts among them. */
  readonly looked?: number;
  readonly transactions?: Transactions;
  readonly missing?: readonly MissingGroup[];
  readonly sample?: readonly Sample[];
}

/**
 * Compares one table of a set with the target's, or with another set's. Nothing is written but the note that the set is in use.
 *
 * @throws ConfigurationError when set, key, table, columns, condition or target are refused; OperationError what breaks on the way
 */
export async function runCompare(request: CompareRequest): Promise<CompareResult> {
  const { config, vault, against, log } = request;
  const table = parseTable(request.table);
  const keys = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config) };
  const open = await openSet(vault, request.set, { ...keys, passedOver: log.warn });
  using _use = await announceUse(vault, { set: open.set, operation: "compare" }, log);
  const good = await sideOf(vault, open, table);
  const told = { set: open.set, snapshotAt: open.manifest.snapshotAt, table: tableName(table) };
  if (!("set" in against)) return { ...told, ...(await compareLive({ ...request, against }, table, good)) };
  const other = await openSet(vault, against.set, { ...keys, passedOver: log.warn });
  using _other = await announceUse(vault, { set: other.set, operation: "compare" }, log);
  if (other.set === open.set) {
    throw new ConfigurationError(
      "same-set",
      `${open.set} would be compared with itself.`,
      "Give another set to --with.",
    );
  }
  const track = log.track(tableName(table), undefined);
  const found = await compareSets(table, good, await sideOf(vault, other, table), request.columns, track);
  track.end("done");
  const { match, counts, key, byColumn, looked } = found;
  return {
    ...{ ...told, against: `set ${other.set}`, counts, key, byColumn, columns: withoutBoth(match) },
    ...(looked < counts.changed && { looked }),
  };
}

/** The set's rows, once it is known that they can be read. @throws ConfigurationError when a part lies in Glacier */
async function sideOf(
  vault: Vault,
  open: OpenSet,
  table: { readonly schema: string; readonly name: string },
): Promise<GoodSide> {
  const inventory = await open.inventory();
  const side = setSide(open, inventory, table);
  const needed = open.manifest.artifacts.filter(({ name }) => side.artifacts.has(name));
  refuseFrozen(open.set, await objectStates(vault, open.prefix, needed));
  return side;
}

const withoutBoth = ({ came, went, retyped }: ColumnMatch) => ({ came, went, retyped });

async function compareLive(
  request: CompareRequest & { readonly against: Config<"target"> },
  table: { readonly schema: string; readonly name: string },
  good: GoodSide,
): Promise<Omit<CompareResult, "set" | "snapshotAt" | "table">> {
  const { against, log, signal } = request;
  const client = await targetConnector(against, "compare", { log, signal })();
  const hangUp = (): void => void client.end().catch(() => undefined);
  signal?.addEventListener("abort", hangUp, { once: true });
  const track = log.track(tableName(table), undefined);
  try {
    const found = await askLive(client, request, table, good, track);
    track.end("done");
    return { ...found, against: `target ${against.target.name}` };
  } catch (error) {
    track.end("failed");
    signal?.throwIfAborted();
    throw brokenOff(error);
  } finally {
    signal?.removeEventListener("abort", hangUp);
    await client.end().catch(() => undefined);
  }
}

async function askLive(
  client: Client,
  { columns, where, mostBytes, values }: CompareRequest,
  table: { readonly schema: string; readonly name: string },
  good: GoodSide,
  track: ReturnType<Log["track"]>,
): Promise<Omit<CompareResult, "set" | "snapshotAt" | "table" | "against">> {
  const difference = await prepareDifference(client, { table, good, columns, where, mostBytes, track });
  const { match, key, keyless, counts, chosen } = difference;
  const byColumn = await countByColumn(client, difference);
  const differing = byColumn.map(({ column }) => column);
  return {
    ...{ counts, key, byColumn, columns: withoutBoth(match) },
    ...(keyless !== undefined && { keyless }),
    ...(chosen !== undefined && { chosen }),
    transactions: await groupByTransaction(client, difference, differing),
    missing: await groupMissing(client, difference),
    ...(values && { sample: await sampleRows(client, difference, differing) }),
  };
}

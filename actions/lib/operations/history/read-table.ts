import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { countOf, few } from "../../base/measures.ts";
import { statesOf, type TableChange, type TableState } from "../../compare/table-changes.ts";
import { tableName } from "../../postgres/identifier.ts";
import { type Manifest, timeOfSet } from "../../vault/format/manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type IndexKeys, openIndex } from "../../vault/sets/table-index.ts";
import { trustedSets } from "../../vault/standing.ts";

/** What one set says of the table. */
export interface InSet {
  readonly manifest: Manifest;
  /** Undefined where the set has no such table, or `problem` says why nothing is known of it. */
  readonly state: TableState | undefined;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** A set of the history, and what is different in it. */
export interface Step extends InSet {
  /** Since the set before that can be compared; null: there is none. */
  readonly change: TableChange | null;
}

const usualSets = 40;

/**
 * The sets that are looked at, oldest data first: those alone that a trusted key has signed, also those of an incident.
 * @throws ConfigurationError `sets-missing`
 */
export async function chooseSets(
  vault: Vault,
  verify: VerifySignature,
  { since, newest, log }: { since?: string | undefined; newest?: number | undefined; log: Log },
): Promise<Manifest[]> {
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const most = newest ?? (since === undefined ? usualSets : Number.POSITIVE_INFINITY);
  const passedOver = (name: string, problem: string) => log.warn(`${name} is passed over: ${problem}`);
  const chosen: Manifest[] = [];
  for await (const manifest of trustedSets(vault, verify, { marked: "count", passedOver })) {
    // Its name says when its run began, which is before its data was read.
    if (chosen.length >= most || timeOfSet(manifest.set) < from) break;
    chosen.push(manifest);
  }
  if (chosen.length === 0)
    throw new ConfigurationError(
      "sets-missing",
      `Bucket ${vault.bucket} has no set${since === undefined ? "" : ` since ${since}`} that can be trusted.`,
      "See `lifeboat list`.",
    );
  return chosen.sort((a, b) => (a.snapshotAt < b.snapshotAt ? -1 : 1));
}

const atOnce = 6;

/**
 * Reads what the indexes say of a table.
 * @param table as `tableName` writes it
 * @throws ConfigurationError `indexes-missing`, `index-key-foreign` where none opens, `table-unknown`; OperationError of a store that cannot be reached
 */
export async function readTable(
  vault: Vault,
  manifests: readonly Manifest[],
  table: string,
  keys: IndexKeys,
  { log, signal }: { log: Log; signal?: AbortSignal },
): Promise<InSet[]> {
  const track = log.track("indexes", { bytes: 0, items: manifests.length });
  const errors: LifeboatError[] = [];
  const read = async (manifest: Manifest): Promise<InSet> => {
    try {
      const index = await openIndex(vault, manifest, keys, signal ? { signal } : {});
      if (index === undefined) return { manifest, state: undefined, problem: noIndex };
      const state = (await statesOf(index.head, index.tables(), table)).get(table);
      return { manifest, state, problem: null };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof LifeboatError) || error.code === "s3-unavailable") throw error;
      errors.push(error);
      return { manifest, state: undefined, problem: { code: error.code, message: error.message } };
    } finally {
      track.advance({ items: 1 });
    }
  };
  try {
    const found = await mapBounded(manifests, atOnce, read);
    if (found.every(({ problem }) => problem !== null)) throw errors[0] ?? nothing(manifests);
    if (found.every(({ state }) => state === undefined)) throw await unknown(vault, found, table, keys);
    track.end("done");
    return found;
  } catch (error) {
    track.end("failed");
    throw error;
  }
}

const noIndex = { code: "index-missing", message: "It was made before sets had an index." };

function nothing(manifests: readonly Manifest[]): ConfigurationError {
  return new ConfigurationError(
    "indexes-missing",
    `None of the ${countOf(manifests.length, "set")} has an index: they were made before there were any.`,
    "The next backup makes one. Until then compare a set with the live table: `lifeboat compare`.",
  );
}

/** Names the tables that somebody may have meant. */
async function unknown(
  vault: Vault,
  found: readonly InSet[],
  table: string,
  keys: IndexKeys,
): Promise<ConfigurationError> {
  const newest = found.findLast(({ problem }) => problem === null)?.manifest;
  const index = newest && (await openIndex(vault, newest, keys));
  const wanted = table.toLowerCase().split(".").at(-1) ?? "";
  const like = new Set<string>();
  for await (const one of index?.tables() ?? []) {
    if (one.name.toLowerCase().includes(wanted) || wanted.includes(one.name.toLowerCase()))
      like.add(tableName(one.root ?? one));
  }
  return new ConfigurationError(
    "table-unknown",
    `No set knows a table ${table}.`,
    like.size === 0
      ? "Look at its name and its schema."
      : `Perhaps one of these is meant: ${few([...like].sort(), 8)}.`,
  );
}

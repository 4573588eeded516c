import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import { jumpsBetween, statesOf, type TableJump } from "../../compare/table-changes.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { ownSchema } from "../../postgres/inventory/object-query.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { askTogether } from "../../postgres/rows/fingerprint.ts";
import type { Artifact, Manifest } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import {
  type Counters,
  countersSchema,
  encodeTable,
  type IndexedTable,
  type IndexHead,
  type IndexKeys,
  indexArtifact,
  indexFormat,
  indexKeyArtifact,
  openIndex,
  remembered,
} from "../../vault/sets/table-index.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import type { SetIndex } from "./set-keys.ts";

/** What the server counts of its tables, and which partitioned table each is, in the end, a part of. */
interface Counted {
  /** When it last began anew, as it writes it: other counts of the same beginning can be compared. Null: never. */
  readonly since: string | null;
  /** By OID. */
  readonly tables: ReadonlyMap<string, { readonly counters: Counters; readonly root: Root | null }>;
}

const rootSchema = z.object({ schema: z.string(), name: z.string() });
type Root = z.infer<typeof rootSchema>;

const sinceQuery =
  "select pg_stat_get_db_stat_reset_time(oid)::text as since from pg_database where datname = current_database()";
const countersQuery = `
  select c.oid::int8::text as oid, pg_stat_get_tuples_inserted(c.oid)::text as inserted,
         pg_stat_get_tuples_updated(c.oid)::text as updated, pg_stat_get_tuples_deleted(c.oid)::text as deleted,
         (select json_build_object('schema', rn.nspname, 'name', r.relname)
            from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
           where c.relispartition and r.oid = pg_partition_root(c.oid)) as root
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and c.relpersistence <> 't' and ${ownSchema("n")}`;

const countedSchema = countersSchema.extend({ oid: z.string(), root: rootSchema.nullable() });

/**
 * Reads the server's counters. They know of no snapshot: what was committed since it was taken may be in them already.
 * @param client inside a transaction, which goes on whatever comes of this
 * @returns undefined where the server does not tell
 * @throws the driver's error when the connection is lost
 */
export async function readCounters(client: Client): Promise<Counted | undefined> {
  const answers = await askTogether(client, [sinceQuery, countersQuery]);
  const since = z.array(z.object({ since: z.string().nullable() })).safeParse(answers?.[0]);
  const tables = z.array(countedSchema).safeParse(answers?.[1]);
  if (!since.success || !tables.success) return undefined;
  return {
    since: since.data[0]?.since ?? null,
    tables: new Map(tables.data.map(({ oid, root, ...counters }) => [oid, { counters, root }])),
  };
}

/** What was found out about the tables on the rows' way, beside their fingerprints. */
export interface Measured {
  /** Undefined where the server did not tell. */
  readonly counted: Counted | undefined;
  /** By OID, packed. */
  readonly buckets: ReadonlyMap<string, Buffer>;
}

/** What has changed much since the set before. */
export interface SinceLast {
  /** The set that this one was compared with. */
  readonly set: string;
  readonly jumps: readonly TableJump[];
}

/** The head and the tables of an index, without what only a comparison tells. */
export function indexOf(
  { set, snapshotAt }: Pick<Manifest, "set" | "snapshotAt">,
  { tables }: Pick<Inventory, "tables">,
  { counted, buckets }: Measured,
): { readonly head: IndexHead; readonly tables: IndexedTable[] } {
  const indexed = tables
    .filter((table) => !isVaultSecrets(table))
    .map(({ schema, name, oid, columns, key = null, fingerprint }): IndexedTable => {
      const { counters = null, root } = counted?.tables.get(oid) ?? {};
      const { rows, hash } = fingerprint ?? { rows: "0", hash: "0" };
      return {
        ...{ schema, name, oid, ...(root && { root }), columns, key, rows, hash, counters },
        buckets: buckets.get(oid) ?? null,
        jumps: [],
      };
    });
  const head = { format: indexFormat, set, snapshotAt, countedSince: counted?.since ?? null, tables: indexed.length };
  return { head, tables: indexed };
}

interface Comparing {
  readonly vault: Vault;
  readonly keys: IndexKeys;
  readonly policy: Policy["backup"]["jumps"];
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Compares the tables with those of the set before, by the indexes alone, and notes in each how often it has jumped of late.
 * Never fails a backup: what stands in the way of the comparison is a warning.
 * @returns undefined where there is nothing to compare with
 */
export async function compareWithLast(
  index: { readonly head: IndexHead; readonly tables: IndexedTable[] },
  last: Manifest | undefined,
  { vault, keys, policy, warn, signal }: Comparing,
): Promise<SinceLast | undefined> {
  if (last === undefined) return undefined;
  try {
    const before = await openIndex(vault, last, keys, { signal });
    if (before === undefined) return undefined;
    const [then, now] = [await statesOf(before.head, before.tables()), await statesOf(index.head, index.tables)];
    const { jumps, jumped } = jumpsBetween(then, now, policy);
    for (const [place, table] of index.tables.entries()) {
      const earlier = then.get(table)?.jumps ?? [];
      index.tables[place] = { ...table, jumps: [...earlier, jumped(table)].slice(-remembered) };
    }
    return { set: last.set, jumps };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof LifeboatError ? error.message : "an unexpected error.";
    warn(`What has changed since set ${last.set} can't be told: ${why}`);
    return undefined;
  }
}

/** Stores the index under its own key, and the key under the set's. @param main where all else goes */
export async function storeIndex(
  main: ArtifactStore,
  { store, key }: SetIndex,
  { head, tables }: { readonly head: IndexHead; readonly tables: readonly IndexedTable[] },
): Promise<Artifact[]> {
  const lines = function* (): Generator<Uint8Array> {
    yield Buffer.from(`${JSON.stringify(head)}\n`);
    for (const table of tables) yield Buffer.from(encodeTable(table));
  };
  const keyLine = Buffer.from(`${Buffer.from(key.data).toString("hex")}\n`);
  return Promise.all([store.put(indexArtifact, streamed(lines())), main.putSmall(indexKeyArtifact, keyLine)]);
}

async function* streamed(lines: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* lines;
}

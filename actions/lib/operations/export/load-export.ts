import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { z } from "zod";
import { ConfigurationError, describeCode, LifeboatError, OperationError, sqlState } from "../../base/errors.ts";
import type { Log, Track } from "../../base/log.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../postgres/identifier.ts";
import { type Fingerprint, type Inventory, sumOf, type TableContent } from "../../postgres/inventory/model.ts";
import { firstRows } from "../../postgres/inventory/name-lookup.ts";
import { createNdjsonReader } from "../../postgres/rows/copy-text.ts";
import { fingerprintTable } from "../../postgres/rows/fingerprint.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { throughRoot } from "../restore/plan/plan-data.ts";
import { maySetReplicationRole } from "../target/target.ts";
import { exportedTable } from "../verify/deep-contents.ts";

export interface ExportLoad {
  readonly set: string;
  readonly snapshotAt: string;
  /** `schema.table` */
  readonly table: string;
  readonly outcome: "loaded" | "dry-run";
  readonly rows: string;
  /** Foreign keys and triggers of the table did not look at the rows: the role may switch them off, and did. */
  readonly triggersOff: boolean;
}

export interface ExportLoadTask {
  readonly open: OpenSet;
  /** Of the set. */
  readonly inventory: Inventory;
  /** As the person wrote it: `schema.table`, or `"odd.schema"."table"`. */
  readonly table: string;
  /** A session at the target with the pinned settings. */
  readonly client: Client;
  readonly dryRun: boolean;
  readonly log: Log;
}

/** check_violation: also a row that a partition's bounds do not let in. */
const refusedByPartition = "23514";

/**
 * Loads one table's JSON export into the target's empty table of the same name, in one transaction that is committed only
 * when the table's fingerprint is the one in the set's inventory. A partition that refuses its rows, because its key hashes what
 * has another number here, gets them through the table above it.
 *
 * @throws ConfigurationError `set-without-export`, `table-unknown`, `table-ambiguous`, `target-table-missing`,
 * `target-columns-differ`, `target-table-filled`, `target-denied`: nothing was written
 * @throws OperationError `load-failed`, `load-differs`: rolled back
 */
export async function loadExport(task: ExportLoadTask): Promise<ExportLoad> {
  const { open, inventory, client, dryRun } = task;
  const { table, artifact } = findExport(open, inventory, task.table);
  const name = tableName(table);
  const { root, mayReplicate } = await readExportTarget(client, table);
  const rows = table.fingerprint?.rows ?? "0";
  const told = { set: open.set, snapshotAt: open.manifest.snapshotAt, table: name, rows, triggersOff: mayReplicate };
  if (dryRun) return { ...told, outcome: "dry-run" };
  const track = task.log.track(name, { bytes: artifact.plainBytes, items: 0 });
  await client.query("begin");
  try {
    if (mayReplicate) await client.query("set local session_replication_role = 'replica'");
    await client.query("set local row_security = off");
    const rowsInto = (into: Pick<TableContent, "schema" | "name">) =>
      copyIn(client, { ...table, ...into }, copyText(open.artifact(artifact.name), table, track));
    await client.query("savepoint direct");
    const leaves = await rowsInto(table).then(
      () => [table],
      async (error: unknown) => {
        if (root === null || sqlState(error) !== refusedByPartition) throw error;
        await client.query("rollback to direct");
        const partitions = await readEmptyPartitions(client, root, table);
        await rowsInto(root);
        return partitions;
      },
    );
    await assertEqual(client, table, leaves);
    await client.query("commit");
    track.end("done");
    return { ...told, outcome: "loaded" };
  } catch (error) {
    track.end("failed");
    await client.query("rollback").catch(() => undefined);
    if (error instanceof LifeboatError || (error instanceof Error && error.name === "AbortError")) throw error;
    throw new OperationError(
      "load-failed",
      `The rows of ${name} did not go in (${describeCode(error)}${constraintOf(error)}); nothing was kept.`,
      "Make the table as it was at the backup, without constraints that its rows did not keep (NOT VALID ones), and load again.",
    );
  }
}

/** Which table is meant, and where its rows are. @throws ConfigurationError */
export function findExport(
  { manifest, set }: Pick<OpenSet, "manifest" | "set">,
  inventory: Inventory,
  wanted: string,
): { table: TableContent; artifact: Artifact } {
  const exports = manifest.artifacts.filter(({ kind }) => kind === "json");
  if (exports.length === 0) {
    throw new ConfigurationError(
      "set-without-export",
      `Set ${set} has no JSON export.`,
      "Sets of tier weekly have one: see `lifeboat list --tier weekly`.",
    );
  }
  const found = inventory.tables.filter((table) =>
    [tableName(table), quoteQualified(table.schema, table.name), `${table.schema}.${table.name}`].includes(wanted),
  );
  const [table] = found;
  if (found.length > 1) {
    throw new ConfigurationError(
      "table-ambiguous",
      `${wanted} may be ${found.map(({ schema, name }) => quoteQualified(schema, name)).join(" or ")}.`,
      "Give --table with both names in double quotes.",
    );
  }
  const artifact = table && exports.find((one) => exportedTable(one, inventory)?.oid === table.oid);
  if (table !== undefined && artifact !== undefined) return { table, artifact };
  throw new ConfigurationError(
    "table-unknown",
    `Set ${set} has no JSON export of a table ${wanted}.`,
    "Give --table as schema.table, in the spelling that the set's RECOVER.md or manifest.json shows.",
  );
}

async function* copyText(
  plain: AsyncIterable<Uint8Array>,
  { columns }: TableContent,
  track: Track,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = createNdjsonReader(columns);
  for await (const chunk of plain) {
    track.advance({ bytes: chunk.length });
    const text = reader.push(chunk);
    if (text.length > 0) yield text;
  }
  reader.finish();
}

async function copyIn(client: Client, table: TableContent, rows: AsyncIterable<Uint8Array>): Promise<void> {
  const list = table.columns.length === 0 ? "" : ` (${table.columns.map(quoteIdentifier).join(", ")})`;
  const name = quoteQualified(table.schema, table.name);
  const stream = client.query(copyFrom(`copy ${name}${list} from stdin with (encoding 'UTF8')`));
  await pipeline(Readable.from(rows, { objectMode: false, highWaterMark: 262_144 }), stream);
}

/** The constraint that refused a row: a name of the schema, no value. */
function constraintOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("constraint" in error)) return "";
  return typeof error.constraint === "string" ? `, constraint ${error.constraint}` : "";
}

/** Whatever a trigger, a default or somebody else did to the rows shows here. */
async function assertEqual(
  client: Client,
  table: TableContent,
  leaves: readonly Pick<TableContent, "schema" | "name">[],
): Promise<void> {
  const wanted = table.fingerprint;
  if (wanted === null) return;
  const sums: Fingerprint[] = [];
  for (const { schema, name } of leaves) sums.push(await fingerprintTable(client, { ...table, schema, name }));
  const found = sumOf(sums);
  if (found.rows === wanted.rows && found.hash === wanted.hash) return;
  throw new OperationError(
    "load-differs",
    `${tableName(table)} would hold ${found.rows} rows that are not the ${wanted.rows} of the set; nothing was kept.`,
    "Keep others off the table while it is loaded, and check whether its triggers or column types change the rows.",
  );
}

const placeSchema = z.strictObject({ schema: z.string(), name: z.string() });
type Place = z.infer<typeof placeSchema>;
const targetSchema = z.strictObject({
  columns: z.array(z.string()),
  root: placeSchema.nullable(),
  mayInsert: z.boolean(),
  maySelect: z.boolean(),
});

export interface ExportTarget {
  /** The partitioned table above it, where its rows may belong into another partition than at the source. */
  readonly root: Place | null;
  readonly mayReplicate: boolean;
}

/**
 * Checks whether a table of the target can take a table's export: it is there, has exactly its columns, is empty, and may be
 * written and read. Nothing is written.
 *
 * @throws ConfigurationError `target-table-missing`, `target-columns-differ`, `target-denied`, `target-table-filled`
 */
export async function readExportTarget(client: Client, table: TableContent): Promise<ExportTarget> {
  const name = tableName(table);
  const answer = await client.query(
    `select coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')
              as columns, ${throughRoot} as root,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'insert') as "mayInsert",
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as "maySelect"
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and c.relkind = 'r'`,
    [table.schema, table.name],
  );
  if (answer.rows[0] === undefined) {
    throw new ConfigurationError(
      "target-table-missing",
      `The target has no table ${name}.`,
      "Make it first, with the columns that it had: an export holds rows only.",
    );
  }
  const target = targetSchema.parse(answer.rows[0]);
  assertColumns(table, target.columns);
  if (!target.mayInsert || !target.maySelect) {
    throw new ConfigurationError(
      "target-denied",
      `The target's role may not ${target.mayInsert ? "read" : "write"} ${name}.`,
      "Use a role that owns the table, or grant it SELECT and INSERT.",
    );
  }
  if (await isFilled(client, `only ${quoteQualified(table.schema, table.name)}`)) throw filled(name);
  return { root: target.root, mayReplicate: await maySetReplicationRole(client) };
}

/**
 * All partitions that rows may go into which are sent to `root`. Whose rows lie among others, nobody can tell from a second
 * load: they are all empty.
 *
 * @throws ConfigurationError `target-table-filled`
 */
export async function readEmptyPartitions(client: Client, root: Place, table: TableContent): Promise<readonly Place[]> {
  const quoted = quoteQualified(root.schema, root.name);
  if (await isFilled(client, quoted))
    throw filled(tableName(root), `: rows of ${tableName(table)} belong into any of its partitions here`);
  const answer = await client.query(
    `select n.nspname as schema, c.relname as name
       from pg_partition_tree($1::regclass) t join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
      where t.isleaf`,
    [quoted],
  );
  return z.array(placeSchema).parse(answer.rows);
}

async function isFilled(client: Client, from: string): Promise<boolean> {
  const [empty] = await firstRows(
    client,
    [],
    [{ sql: `select from (values (1)) one where not exists (select from ${from})` }],
  );
  return empty === undefined;
}

function filled(name: string, why = ""): ConfigurationError {
  return new ConfigurationError(
    "target-table-filled",
    `${name} of the target is not empty${why}.`,
    "Load into an empty table, for example of another schema's copy in a scratch database, and merge from there.",
  );
}

function assertColumns(table: TableContent, present: readonly string[]): void {
  const missing = table.columns.filter((column) => !present.includes(column));
  const more = present.filter((column) => !table.columns.includes(column));
  if (missing.length === 0 && more.length === 0) return;
  const said = [
    ...(missing.length > 0 ? [`lacks ${missing.join(", ")}`] : []),
    ...(more.length > 0 ? [`has ${more.join(", ")} besides`] : []),
  ];
  throw new ConfigurationError(
    "target-columns-differ",
    `${tableName(table)} of the target ${said.join(" and ")}.`,
    "Give the table the columns that it had at the backup, load, and change it afterwards.",
  );
}

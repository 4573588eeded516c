import { OperationError } from "../../base/errors.ts";
import { wholeOf } from "../../base/flow/chunks.ts";
import { readArchive, type TocEntry } from "../../postgres/dump/archive/toc.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Fingerprint, Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { isVaultSecrets, vaultSecretsArtifact } from "../../postgres/inventory/vault-secrets.ts";
import { createLargeObjectHasher } from "../../postgres/row-hash/large-object.ts";
import { createRowHasher } from "../../postgres/row-hash/row-hash.ts";
import { createNdjsonReader } from "../../postgres/rows/copy-text.ts";
import { hasherOf } from "../../postgres/rows/data-file.ts";
import { sequenceFiles } from "../../postgres/rows/data-plan.ts";
import { sequencesSql } from "../../postgres/rows/data-sql.ts";
import { planExport } from "../../postgres/rows/export-rows.ts";
import { readLargeObjectsSql } from "../../postgres/rows/large-objects.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import { blocksIn, differing, holdsRows } from "../../vault/sets/rows.ts";
import { addBuckets, type IndexedTable, parseIndex } from "../../vault/sets/table-index.ts";
import { type DamageFinding, findingOf } from "./verify-objects.ts";

interface Exported {
  readonly artifact: string;
  readonly fingerprint: Fingerprint;
}

/** What was found in the artifacts of a set, to be compared with its inventory. */
export interface Contents {
  /** What was compared as it was read and is not as it should be. */
  readonly findings: DamageFinding[];
  /** Lists of sequences' values that there are, by their place in `sequenceFiles`. */
  readonly sequenceFiles: Set<number>;
  schema: readonly TocEntry[] | undefined;
  readonly largeObjects: Map<string, { readonly bytes: string; readonly hash: string }>;
  /** By the table's OID, over all of its files: what its rows come to in the buckets of the index, packed. */
  readonly buckets: Map<string, Buffer>;
  /** The lines of the index behind its head; undefined where there is none, or it could not be read. */
  index: IndexedTable[] | undefined;
  /** JSON exports, by the table's OID at the source. */
  readonly exports: Map<string, Exported>;
}

export function noContents(): Contents {
  return {
    findings: [],
    sequenceFiles: new Set(),
    schema: undefined,
    largeObjects: new Map(),
    buckets: new Map(),
    index: undefined,
    exports: new Map(),
  };
}

/**
 * Reads the plain bytes of one artifact to their end and adds what is in them to `contents`.
 * @throws OperationError of the archive's and the rows' readers, and what `plain` throws
 */
export async function readContents(
  artifact: Artifact,
  plain: AsyncIterable<Uint8Array>,
  inventory: Inventory,
  contents: Contents,
): Promise<void> {
  if (artifact.kind === "schema") contents.schema = await readSchema(artifact, plain);
  else if (holdsRows(artifact)) await readRows(artifact, plain, inventory, contents);
  else if (artifact.kind === "sequences") await readSequences(artifact, plain, inventory, contents);
  else if (artifact.kind === "large-objects") await readLargeObjects(plain, inventory, contents);
  else if (artifact.kind === "json") await readExport(artifact, plain, inventory, contents);
  else if (artifact.kind === "index") contents.index = await readIndex(artifact, plain);
  else if (artifact.name === vaultSecretsArtifact) await readSecrets(artifact, plain, inventory);
  else for await (const _chunk of plain);
}

async function readSchema(artifact: Artifact, plain: AsyncIterable<Uint8Array>): Promise<readonly TocEntry[]> {
  const { toc, data } = await readArchive(plain);
  if (!data) return toc;
  throw new OperationError("schema-with-rows", `${artifact.name} holds rows; it should hold definitions only.`);
}

async function readRows(
  artifact: Artifact,
  plain: AsyncIterable<Uint8Array>,
  inventory: Inventory,
  { findings, buckets }: Contents,
): Promise<void> {
  for await (const { table, chunks } of blocksIn(artifact, plain, inventory)) {
    const hasher = hasherOf(table);
    for await (const chunk of chunks()) hasher.push(chunk);
    const { rows, hash, buckets: sums } = hasher.finish();
    if (sums !== undefined) buckets.set(table.oid, addBuckets(buckets.get(table.oid), sums));
    const part = table.parts?.find((one) => one.artifact === artifact.name);
    if (part === undefined || (part.rows === rows && part.hash === hash)) continue;
    findings.push(findingOf(differing(part, table, rows), artifact.name));
  }
}

async function readSequences(
  { name }: Artifact,
  plain: AsyncIterable<Uint8Array>,
  inventory: Inventory,
  contents: Contents,
): Promise<void> {
  const text = await wholeOf(plain);
  const place = sequenceFiles(inventory.sequences).findIndex(([, values]) => text.equals(sequencesSql(values)));
  if (place < 0)
    throw new OperationError(
      "sequences-differ",
      `${name} does not hold the values of sequences that the database had.`,
    );
  if (contents.sequenceFiles.has(place))
    throw new OperationError("sequences-twice", `${name} holds values of sequences that are in another artifact too.`);
  contents.sequenceFiles.add(place);
}

async function readLargeObjects(
  plain: AsyncIterable<Uint8Array>,
  { largeObjects }: Inventory,
  contents: Contents,
): Promise<void> {
  const hasher = createLargeObjectHasher();
  let current: string | undefined;
  const end = (): void => {
    if (current !== undefined) contents.largeObjects.set(current, hasher.finish());
  };
  for await (const { oid, bytes } of readLargeObjectsSql(plain, largeObjects)) {
    if (bytes === undefined) {
      end();
      current = oid;
    } else hasher.push(bytes);
  }
  end();
}

/** @throws OperationError `index-damaged` */
async function readIndex({ name }: Artifact, plain: AsyncIterable<Uint8Array>): Promise<IndexedTable[]> {
  const { tables } = await parseIndex(plain, (why) => new OperationError("index-damaged", `${name}: ${why}.`));
  const found: IndexedTable[] = [];
  for await (const table of tables()) found.push(table);
  return found;
}

/** Their values are the server's word: they can be counted, and no more. */
async function readSecrets({ name }: Artifact, plain: AsyncIterable<Uint8Array>, { tables }: Inventory): Promise<void> {
  let lines = 0;
  for await (const chunk of plain) for (const byte of chunk) if (byte === 0x0a) lines++;
  const wanted = tables.find(isVaultSecrets)?.fingerprint?.rows ?? String(lines);
  if (wanted === String(lines)) return;
  throw new OperationError("rows-differ", `${name} holds ${lines} secrets; the database had ${wanted}.`);
}

async function readExport(
  artifact: Artifact,
  plain: AsyncIterable<Uint8Array>,
  inventory: Inventory,
  contents: Contents,
): Promise<void> {
  const table = exportedTable(artifact, inventory);
  if (table === undefined) {
    throw new OperationError(
      "table-unknown",
      `${artifact.name} holds rows of a table that the inventory does not know.`,
    );
  }
  const reader = createNdjsonReader(table.columns);
  const hasher = createRowHasher(table.columns.length);
  for await (const chunk of plain) hasher.push(reader.push(chunk));
  reader.finish();
  contents.exports.set(table.oid, { artifact: artifact.name, fingerprint: hasher.finish() });
}

/** Two tables can have the same `schema.table` when names hold dots: then the artifact's name decides. */
function exportedTable({ name, tables }: Artifact, inventory: Inventory): TableContent | undefined {
  const called = inventory.tables.filter((table) => tables?.[0] === tableName(table));
  if (called.length < 2) return called[0];
  return planExport(inventory.tables).find(({ artifact }) => artifact === name)?.table;
}

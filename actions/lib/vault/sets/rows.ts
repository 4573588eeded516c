import { OperationError } from "../../base/errors.ts";
import { few } from "../../base/measures.ts";
import { tableName } from "../../postgres/identifier.ts";
import { type Inventory, type Part, sumOf, type TableContent } from "../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { createPairHasher, type Pairing } from "../../postgres/row-hash/pair-hash.ts";
import { createRowHasher } from "../../postgres/row-hash/row-hash.ts";
import { type DataBlock, readDataSql } from "../../postgres/rows/data-sql.ts";
import type { Artifact, Manifest } from "../format/manifest.ts";
import type { OpenSet } from "./open-set.ts";

type Holder = Pick<Artifact, "name" | "kind" | "tables">;

/** Whether an artifact is a data file. */
export function holdsRows({ kind }: Pick<Artifact, "kind">): boolean {
  return kind === "data" || kind === "extension-rows";
}

/**
 * The blocks of a data file; what a block holds has not been compared with the inventory.
 * @param plain its plain bytes
 * @throws OperationError `table-unknown`; as `readDataSql`
 */
export function blocksIn(
  artifact: Holder,
  plain: AsyncIterable<Uint8Array>,
  inventory: Pick<Inventory, "tables">,
): AsyncGenerator<DataBlock, void, undefined> {
  const known = new Map(inventory.tables.map((table) => [tableName(table), table]));
  const tables = (artifact.tables ?? []).map((name) => {
    const table = known.get(name);
    if (table !== undefined) return table;
    throw new OperationError(
      "table-unknown",
      `${artifact.name} holds rows of ${name}, which the inventory does not know.`,
      "Use another set (`lifeboat list`).",
    );
  });
  return readDataSql(plain, tables);
}

/**
 * The rows of one table as COPY's text, cut anywhere, compared with what the inventory says of them: they can be relied on only
 * once the iteration has ended without an error.
 * @param slice of a table that lies in several, from 0; all of them by default
 * @param pairing its `pairs` are told before the chunk that their rows end in; rows are counted then, and not summed
 * @throws OperationError `rows-differ`, `rows-missing`; what reading the artifact throws
 */
export async function* rows(
  set: Pick<OpenSet, "artifact" | "manifest">,
  inventory: Pick<Inventory, "tables">,
  table: TableContent,
  slice?: number,
  pairing?: Pairing,
): AsyncGenerator<Uint8Array, void, undefined> {
  const parts = table.parts ?? [];
  for (const part of slice === undefined ? parts : parts.slice(slice, slice + 1)) {
    const artifact = set.manifest.artifacts.find(({ name }) => name === part.artifact);
    const block = artifact && blocksIn(artifact, set.artifact(artifact.name), inventory);
    let isThere = false;
    for await (const { table: next, chunks } of block ?? []) {
      isThere = next === table;
      if (!isThere) continue;
      const columns = table.columns.length;
      const hasher = pairing === undefined ? createRowHasher(columns) : createPairHasher(columns, undefined, pairing);
      for await (const chunk of chunks()) {
        hasher.push(chunk);
        yield chunk;
      }
      const { rows, hash = part.hash }: { rows: string; hash?: string } = hasher.finish();
      if (rows !== part.rows || hash !== part.hash) throw differing(part, table, rows);
      break;
    }
    if (!isThere) throw missing(part, table);
  }
}

/** @param found rows that there are */
export function differing(part: Part, table: TableContent, found: string): OperationError {
  const has = found === part.rows ? `The ${found} rows of ${tableName(table)}` : `${found} rows of ${tableName(table)}`;
  const wanted = found === part.rows ? "are not those that the database had" : `where the database had ${part.rows}`;
  return new OperationError(
    "rows-differ",
    `${has} in ${part.artifact} ${wanted}.`,
    "Use another set (`lifeboat list`).",
  );
}

function missing({ artifact }: Part, table: TableContent): OperationError {
  return new OperationError(
    "rows-missing",
    `${artifact} does not hold the rows of ${tableName(table)}.`,
    "Use another set (`lifeboat list`).",
  );
}

/** What is wrong with where a set says that its rows are. */
export interface Misplaced {
  /** The artifact, or `set`. */
  readonly where: string;
  readonly code:
    | "table-missing"
    | "table-unknown"
    | "slice-missing"
    | "slice-twice"
    | "slices-disordered"
    | "parts-differ";
  readonly what: string;
}

/** Compares the manifest's list of tables with the inventory's list of parts. Pure. */
export function misplacedRows(
  { artifacts }: Pick<Manifest, "artifacts">,
  { tables }: Pick<Inventory, "tables">,
): Misplaced[] {
  const found: Misplaced[] = [];
  const tell = (where: string, code: Misplaced["code"], what: string): void => void found.push({ where, code, what });
  const held = new Map(artifacts.filter(holdsRows).map(({ name, tables: named }) => [name, new Set(named)]));
  const claimed = new Map<string, Set<string>>();
  for (const table of tables.filter((one) => !isVaultSecrets(one))) {
    const name = tableName(table);
    const parts = table.parts ?? [];
    if (parts.length === 0) tell("set", "table-missing", `The rows of ${name} are in no artifact`);
    for (const [place, { artifact }] of parts.entries()) {
      const named = held.get(artifact);
      const claims = claimed.get(artifact) ?? new Set();
      claimed.set(artifact, claims);
      if (claims.has(name)) tell(artifact, "slice-twice", `The rows of ${name} in here count twice`);
      else if (named === undefined || !named.has(name)) {
        tell(
          named === undefined ? "set" : artifact,
          "slice-missing",
          `${artifact}, with rows of ${name}, is not there or does not hold them`,
        );
      } else if (parts.length > 1 && named.size > 1) {
        tell(artifact, "slices-disordered", `A slice of ${name} is not alone in here`);
      } else if (place > 0 && sliceOf(artifact) <= sliceOf(parts[place - 1]?.artifact ?? "")) {
        tell(artifact, "slices-disordered", `The slices of ${name} are not in the order of their names`);
      }
      claims.add(name);
    }
    const sum = sumOf(parts);
    const wanted = table.fingerprint ?? sum;
    if (parts.length > 0 && (sum.rows !== wanted.rows || sum.hash !== wanted.hash)) {
      tell("set", "parts-differ", `The parts of ${name} do not add up to what the database had`);
    }
  }
  for (const { name: artifact, tables: named = [] } of artifacts.filter(holdsRows)) {
    if (held.get(artifact)?.size !== named.length)
      tell(artifact, "slice-twice", "The manifest names a table in here twice");
    for (const name of named.filter((one) => claimed.get(artifact)?.has(one) !== true)) {
      tell(artifact, "table-unknown", `The inventory knows of no rows of ${name} in here`);
    }
  }
  return found;
}

/** @throws OperationError `set-inconsistent` when something is wrong with where the set says that its rows are */
export function assertRowsPlaced(
  { set, manifest }: Pick<OpenSet, "set" | "manifest">,
  inventory: Pick<Inventory, "tables">,
): void {
  const found = misplacedRows(manifest, inventory);
  if (found.length === 0) return;
  throw new OperationError(
    "set-inconsistent",
    `The lists of set ${set} do not agree on its rows: ${few(
      found.map(({ where, what }) => `${where}: ${what}`),
      4,
      "; ",
    )}.`,
    "Nothing was changed. See all of it with `lifeboat verify --deep`, and use another set (`lifeboat list`).",
  );
}

/** The number of the slice that an artifact's name ends with; 0 where it holds whole tables. */
function sliceOf(artifact: string): number {
  return Number(/\.(\d{3,})\.sql\./.exec(artifact)?.[1] ?? 0);
}

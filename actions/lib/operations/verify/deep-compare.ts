import { countOf, few } from "../../base/measures.ts";
import { assertSchemaComplete, countSet } from "../../compare/dump-checks.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { sequenceFiles } from "../../postgres/rows/data-plan.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
import { misplacedRows } from "../../vault/sets/rows.ts";
import type { Contents } from "./deep-contents.ts";
import { type DamageFinding, damageAt, findingOf, warningAt } from "./verify-objects.ts";

/** Findings that also come when an artifact could not be read. */
export const missingCodes: ReadonlySet<string> = new Set([
  "schema-missing",
  "dump-incomplete",
  "large-object-missing",
  "export-missing",
  "index-differs",
]);

/** Compares what was found in the artifacts with what the inventory says was in the database at the snapshot. */
export function compareContents(manifest: Manifest, inventory: Inventory, contents: Contents): DamageFinding[] {
  return [
    ...contents.findings,
    ...compareSchema(manifest, inventory, contents),
    ...misplacedRows(manifest, inventory).map(({ where, code, what }) => damageAt(where, code, what)),
    ...dumped(inventory).flatMap(unproven),
    ...compareSequences(manifest, inventory),
    ...compareLargeObjects(inventory, contents),
    ...compareExports(manifest, inventory, contents),
    ...compareIndex(manifest, inventory, contents),
    ...compareCounts(manifest, inventory),
  ];
}

/** Vault's secrets lie apart from all other rows. */
function dumped({ tables }: Inventory): TableContent[] {
  return tables.filter((table) => !isVaultSecrets(table));
}

function attempt(where: string, check: () => void): DamageFinding[] {
  try {
    check();
    return [];
  } catch (error) {
    return [findingOf(error, where)];
  }
}

function compareSchema({ artifacts }: Manifest, inventory: Inventory, { schema }: Contents): DamageFinding[] {
  const where = artifacts.find(({ kind }) => kind === "schema")?.name;
  // An archive that could not be read has its own finding.
  if (schema !== undefined) return attempt(where ?? "set", () => assertSchemaComplete(inventory, schema));
  return where === undefined ? [damageAt("set", "schema-missing", "The set has no schema dump")] : [];
}

function unproven(table: TableContent): DamageFinding[] {
  if (table.fingerprint !== null) return [];
  return [warningAt("set", "table-unproven", `The inventory has no fingerprint of ${tableName(table)}`)];
}

/** Their values, and that none comes twice, are compared as they are read. */
function compareSequences({ artifacts }: Manifest, inventory: Inventory): DamageFinding[] {
  const [wanted, found] = [
    sequenceFiles(inventory.sequences).length,
    artifacts.filter(({ kind }) => kind === "sequences").length,
  ];
  if (found === wanted) return [];
  const what = `Values of sequences are in ${countOf(found, "artifact")}; the database had them for ${wanted}`;
  return [damageAt("set", found < wanted ? "sequences-missing" : "sequences-unknown", what)];
}

function compareLargeObjects(inventory: Inventory, { largeObjects }: Contents): DamageFinding[] {
  const findings: DamageFinding[] = [];
  const wanted = new Map(inventory.largeObjects.map((object) => [object.oid, object]));
  const missing = [...wanted.keys()].filter((oid) => !largeObjects.has(oid));
  if (missing.length > 0) {
    findings.push(damageAt("set", "large-object-missing", `Large objects without content: ${few(missing)}`));
  }
  for (const [oid, found] of largeObjects) {
    const object = wanted.get(oid);
    if (object === undefined) {
      findings.push(damageAt("set", "large-object-unknown", `The inventory does not know large object ${oid}`));
    } else if (object.bytes !== found.bytes || object.hash !== found.hash) {
      const what = `Large object ${oid} (${found.bytes} bytes) is not what the database had (${object.bytes} bytes)`;
      findings.push(damageAt("set", "large-object-differs", what));
    }
  }
  return findings;
}

/** A set has an export of every table or of none. */
function compareExports({ artifacts }: Manifest, inventory: Inventory, { exports }: Contents): DamageFinding[] {
  if (!artifacts.some(({ kind }) => kind === "json")) return [];
  return dumped(inventory).flatMap((table) => {
    const name = tableName(table);
    const found = exports.get(table.oid);
    if (found === undefined) {
      return [damageAt("set", "export-missing", `There is no JSON export of ${name}`)];
    }
    if (table.fingerprint === null) return [];
    if (found.fingerprint.rows === table.fingerprint.rows && found.fingerprint.hash === table.fingerprint.hash)
      return [];
    const what = `The JSON export of ${name} does not hold the ${table.fingerprint.rows} rows that the database had`;
    return [damageAt(found.artifact, "rows-differ", what)];
  });
}

/** What `lifeboat history` and the next backup believe of the rows. */
function compareIndex({ artifacts }: Manifest, inventory: Inventory, { index, buckets }: Contents): DamageFinding[] {
  const where = artifacts.find(({ kind }) => kind === "index")?.name;
  if (where === undefined || index === undefined) return [];
  const wanted = new Map(dumped(inventory).map((table) => [table.oid, table]));
  const findings: DamageFinding[] = [];
  for (const { oid, key, rows, hash, columns, buckets: sums, ...named } of index) {
    const table = wanted.get(oid);
    wanted.delete(oid);
    const isSame =
      table !== undefined &&
      tableName(table) === tableName(named) &&
      table.columns.join("\0") === columns.join("\0") &&
      (table.key?.join("\0") ?? null) === (key?.join("\0") ?? null) &&
      table.fingerprint?.rows === rows &&
      table.fingerprint.hash === hash &&
      (sums === null) === (key === null);
    const found = buckets.get(oid);
    // Rows that could not be read have a finding of their own.
    const rowsFit = sums === null || found === undefined || Buffer.compare(found, sums) === 0;
    if (isSame && rowsFit) continue;
    const what = isSame ? "does not fit the rows of" : "says something else than the inventory of";
    findings.push(damageAt(where, "index-differs", `The index ${what} ${tableName(named)}`));
  }
  for (const table of wanted.values())
    findings.push(damageAt(where, "index-differs", `The index does not name ${tableName(table)}`));
  return findings;
}

const counted = ["tables", "rows", "sequences", "largeObjects", "objects"] as const;

function compareCounts({ counts, artifacts }: Manifest, inventory: Inventory): DamageFinding[] {
  const own = countSet(inventory, artifacts, counts.databaseBytes);
  return counted
    .filter((name) => counts[name] !== own[name])
    .map((name) =>
      damageAt(
        "manifest.json",
        "counts-differ",
        `The manifest counts ${counts[name]} ${name}, the inventory ${own[name]}`,
      ),
    );
}

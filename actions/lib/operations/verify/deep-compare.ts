import { few } from "../../base/measures.ts";
import {
  assertContentsComplete,
  assertSchemaComplete,
  assertSqlSchemaComplete,
  countSet,
} from "../../compare/dump-checks.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory, SequenceValue, TableContent } from "../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import type { Artifact, Manifest } from "../../vault/format/manifest.ts";
import { misplacedRows, tellsParts } from "../../vault/sets/rows.ts";
import { type Contents, sequenceFiles } from "./deep-contents.ts";
import { type DamageFinding, damageAt, findingOf, warningAt } from "./verify-objects.ts";

/** Findings that also come when an artifact could not be read. */
export const missingCodes: ReadonlySet<string> = new Set([
  "table-missing",
  "sequences-missing",
  "schema-missing",
  "dump-incomplete",
  "large-object-missing",
  "export-missing",
]);

/** Compares what was found in the artifacts with what the inventory says was in the database at the snapshot. */
export function compareContents(manifest: Manifest, inventory: Inventory, contents: Contents): DamageFinding[] {
  if (tellsParts(inventory)) {
    return [
      ...contents.findings,
      ...compareSchema(manifest, inventory, contents),
      ...misplacedRows(manifest, inventory).map(({ where, code, what }) => damageAt(where, code, what)),
      ...dumped(inventory).flatMap(unproven),
      ...compareSequences(inventory, contents),
      ...attempt("set", () => assertContentsComplete({ ...inventory, sequences: [] }, contents.entries)),
      ...compareLargeObjects(inventory, contents),
      ...compareExports(manifest, inventory, contents),
      ...compareCounts(manifest, inventory),
    ];
  }
  return [
    ...compareSchema(manifest, inventory, contents),
    ...dumped(inventory).flatMap((table) => compareTable(table, manifest.artifacts, contents)),
    ...compareUnknown(inventory, contents),
    ...attempt("set", () => assertContentsComplete(inventory, contents.entries)),
    ...inventory.sequences.flatMap((sequence) => compareSequence(sequence, contents)),
    ...compareLargeObjects(inventory, contents),
    ...compareExports(manifest, inventory, contents),
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
  const where = artifacts.find(({ kind }) => kind === "schema" || kind === "sql")?.name;
  const sql = artifacts.some(({ kind }) => kind === "sql");
  const assertComplete = sql ? assertSqlSchemaComplete : assertSchemaComplete;
  // An archive that could not be read has its own finding.
  if (schema !== undefined) return attempt(where ?? "set", () => assertComplete(inventory, schema));
  return where === undefined ? [damageAt("set", "schema-missing", "The set has no schema dump")] : [];
}

function compareTable(table: TableContent, artifacts: readonly Artifact[], { tables }: Contents): DamageFinding[] {
  const name = tableName(table);
  const found = tables.get(table.oid) ?? [];
  const [only] = found;
  if (only === undefined) {
    return [damageAt("set", "table-missing", `The rows of ${name} are in no artifact`)];
  }
  if (found.length > 1) {
    const where = found.map(({ artifact }) => artifact).join(", ");
    return [damageAt("set", "table-twice", `The rows of ${name} are there ${found.length} times: ${where}`)];
  }
  const findings: DamageFinding[] = [];
  const named = artifacts.find((artifact) => artifact.name === only.artifact)?.tables;
  if (named !== undefined && !named.includes(name)) {
    findings.push(warningAt(only.artifact, "table-unnamed", `The manifest does not say that ${name} is in here`));
  }
  if (table.fingerprint === null) {
    findings.push(warningAt(only.artifact, "table-unproven", `The inventory has no fingerprint of ${name}`));
  } else if (only.fingerprint?.rows !== table.fingerprint.rows) {
    const rows = `${only.fingerprint?.rows ?? "no"} rows; the database had ${table.fingerprint.rows}`;
    findings.push(damageAt(only.artifact, "rows-differ", `${name} has ${rows}`));
  } else if (only.fingerprint.hash !== table.fingerprint.hash) {
    const what = `The ${table.fingerprint.rows} rows of ${name} are not those that the database had`;
    findings.push(damageAt(only.artifact, "rows-differ", what));
  }
  return findings;
}

function unproven(table: TableContent): DamageFinding[] {
  if (table.fingerprint !== null) return [];
  return [warningAt("set", "table-unproven", `The inventory has no fingerprint of ${tableName(table)}`)];
}

/** Their values are compared as they are read. */
function compareSequences(inventory: Inventory, contents: Contents): DamageFinding[] {
  if (contents.sequenceFiles === sequenceFiles(inventory).length) return [];
  return [damageAt("set", "sequences-missing", "Values of sequences are in no artifact, or in two")];
}

function compareUnknown(inventory: Inventory, { tables }: Contents): DamageFinding[] {
  const known = new Set(inventory.tables.map(({ oid }) => oid));
  return [...tables].flatMap(([oid, found]) =>
    known.has(oid)
      ? []
      : found.map(({ artifact }) =>
          damageAt(
            artifact,
            "table-unknown",
            `There are rows of a table (OID ${oid}) that the inventory does not know`,
          ),
        ),
  );
}

/** `SELECT pg_catalog.setval('schema.name', 42, true);` */
const setval = /setval\(.*, (-?\d+), (true|false)\)/s;

function compareSequence({ schema, name, lastValue, isCalled }: SequenceValue, { entries }: Contents): DamageFinding[] {
  const entry = entries.find(
    ({ desc, namespace, tag }) => desc === "SEQUENCE SET" && namespace === schema && tag === name,
  );
  if (entry === undefined) return []; // assertContentsComplete names it
  const [, value, called] = setval.exec(entry.defn) ?? [];
  if (value === lastValue && called === String(isCalled)) return [];
  // Sequences are outside of every snapshot (postgresql.org/docs/current/functions-sequence.html): what is read earlier
  // may be less. A restore takes the one that is further on.
  const what = `Sequence ${schema}.${name} moved while the backup ran`;
  return value === undefined
    ? [damageAt("set", "sequence-unreadable", `The value of sequence ${schema}.${name} is not in its entry`)]
    : [warningAt("set", "sequence-moved", what)];
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
    if (found.fingerprint?.rows === table.fingerprint.rows && found.fingerprint.hash === table.fingerprint.hash)
      return [];
    const what = `The JSON export of ${name} does not hold the ${table.fingerprint.rows} rows that the database had`;
    return [damageAt(found.artifact, "rows-differ", what)];
  });
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

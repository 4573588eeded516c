import type { Difference } from "../../../compare/difference.ts";
import type { CompareContext } from "../../../compare/judge-platform.ts";
import { compareObjects } from "../../../compare/objects.ts";
import { inOtherWords } from "../../../compare/other-words/other-words.ts";
import { compareRoles } from "../../../compare/roles.ts";
import { bare, tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { widerPaths } from "../../../postgres/inventory/name-lookup.ts";
import { objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { Platform } from "../../../supabase/platform/platform.ts";
import { type TargetFacts, unavailableExtensions } from "../../target/target.ts";
import { keysOverOrphans } from "../load/broken-keys.ts";
import { asIfOn, asLater } from "../quiet/outbound.ts";
import { asIfAwake } from "../settle/event-triggers.ts";
import { type BrokenConstraint, brokenConstraints, checkReferences } from "./broken-constraints.ts";
import { ofRowsOnPurpose } from "./on-purpose.ts";
import { measureRows, type Proven, type ProveTask, proveContents } from "./prove-contents.ts";

/**
 * Compares the target with the set's inventory: every object by identity and definition, every row by fingerprint, every
 * sequence, and each foreign key that no statement of the restore has checked.
 */
export async function proveRestored(task: ProveTask): Promise<Proven> {
  const { source, facts, findings } = task;
  const client = await task.connect();
  // The server has most to do with the rows; the catalogue is read and compared meanwhile.
  const measuring = measureRows(task);
  measuring.catch(() => {}); // heard below
  try {
    const found = asIfAwake(await readInventory(client), source, task.journal.asleep);
    const { target, off, differences: quiet } = asIfOn(found, findings.outbound);
    const words = await inOtherWords(client, source, target);
    const platform = facts.supabase ? await Platform.read(client, target) : undefined;
    const unavailable = unavailableExtensions(source, facts);
    const schemas = extensionSchemas(source);
    const broken = await brokenConstraints(client, source, target, widerPaths(source));
    const references = await checkReferences(
      client,
      new Set([...existedBefore(facts), ...keysOverOrphans(task.journal)]),
    );
    const compared = await proveContents(task, client, { target, off, platform, unavailable, schemas, measuring });
    const { differences: contents, off: later } = asLater(compared, findings.outbound);
    const isEqual = equalTables(source, contents);
    const context: CompareContext = {
      platform: platform?.against(source),
      makers: new Set([facts.firstRole, facts.role]),
      failures: findings.failures,
      words,
      deliberate: new Map([...brokenAtTheSource(broken, isEqual), ...subscriptionsLeft(source)]),
      unavailableExtensions: unavailable,
      extensionSchemas: schemas,
    };
    return {
      differences: [
        ...compareRoles(source, target, context),
        ...compareObjects(source, target, context),
        ...quiet,
        ...(findings.erased ?? []),
        ...contents,
        ...(await ofRowsOnPurpose(task, client, platform)),
        ...references.differences(isEqual),
      ],
      foreignKeysChecked: references.total,
      off: [...later, ...off],
    };
  } finally {
    await measuring.catch(() => undefined); // nothing goes on after a failure
    await client.end().catch(() => undefined);
  }
}

/** Whether a table's rows are the source's, by `tableName`. While any rows are lacking, nothing can be said of none. */
function equalTables(source: Inventory, contents: readonly Difference[]): (table: string) => boolean {
  const rows = contents.filter(({ kind, aspect }) => kind === "table" && aspect === "rows");
  if (rows.some(({ verdict }) => verdict !== "expected")) return () => false;
  const unmeasured = source.tables.filter(({ fingerprint }) => fingerprint === null);
  const other = new Set([...rows.map(({ identity }) => identity), ...unmeasured.map(tableName)]);
  return (table) => !other.has(table);
}

/** A constraint that equal rows break is broken at the source too. */
function brokenAtTheSource(
  broken: ReadonlyMap<string, BrokenConstraint>,
  isEqual: (table: string) => boolean,
): [string, string][] {
  return [...broken].filter(([, { tables }]) => ["", ...tables].every(isEqual)).map(([key, { why }]) => [key, why]);
}

/** A copy that received what its source receives would be no copy for long. */
function subscriptionsLeft(source: Inventory): [string, string][] {
  const why =
    "no set tells where it connects to, and a copy receives nothing by itself: see what is left to do by hand";
  return source.objects.filter(({ kind }) => kind === "subscription").map((object) => [objectKey(object), why]);
}

function extensionSchemas(source: Inventory): Map<string, string> {
  const schemas = source.objects.filter((object) => object.kind === "schema" && object.extension !== null);
  return new Map(schemas.map((object) => [bare(object.identity), object.extension ?? ""]));
}

function existedBefore(facts: TargetFacts): Set<string> {
  return new Set(facts.inventory.objects.filter((one) => one.kind === "table constraint").map((one) => one.identity));
}

import type { Client } from "pg";
import { quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, MaterializedView, SequenceValue } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-key.ts";
import { pathStatement, readingPaths } from "../../../postgres/inventory/search-paths.ts";
import { fingerprintMaterializedView } from "../../../postgres/rows/fingerprint.ts";
import { isLeftToCopy } from "../../../postgres/rows/hash-by-copy.ts";
import { attempt, attemptUnder } from "../../target/attempt.ts";
import { place } from "../load/check-constraints.ts";
import type { DataPlan } from "../plan/plan-data.ts";

/**
 * Sets each sequence to its recorded value, unless it stands further on: somebody has drawn numbers there, and would get
 * them again. One that nobody has touched is set exactly, wherever it begins.
 * @returns reasons by `schema.sequence`
 */
export async function settleSequences(
  client: Client,
  source: Inventory,
  plan: Pick<DataPlan, "loads">,
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const statement = (one: SequenceValue) => {
    const name = quoteQualified(one.schema, one.name);
    const [value, called] = [`${quoteLiteral(one.lastValue)}::int8`, String(one.isCalled)];
    const further = `case when s.seqincrement > 0 then now.last_value > ${value} else now.last_value < ${value} end
      or (now.last_value = ${value} and now.is_called >= ${called})`;
    return `select pg_catalog.setval(s.seqrelid, ${value}, ${called}) from ${name} now, pg_catalog.pg_sequence s
      where s.seqrelid = ${quoteLiteral(name)}::regclass
        and not ((now.is_called or now.last_value <> s.seqstart) and (${further}));`;
  };
  // One that counts for an extension's own table is the extension's, like its rows, where those are not restored.
  const sequences = source.sequences.filter(
    ({ countsFor }) => countsFor === undefined || plan.loads.has(tableName(countsFor)),
  );
  const batch = 100;
  for (let start = 0; start < sequences.length; start += batch) {
    const some = sequences.slice(start, start + batch);
    if ((await attempt(client, some.map(statement).join("\n"))) === undefined) continue;
    for (const one of some) {
      const reason = await attempt(client, statement(one));
      if (reason !== undefined) failures.set(tableName(one), reason);
    }
  }
  return failures;
}

/**
 * Validates the constraints that were valid at the source and are not here: a child's check that came from a parent's
 * NOT VALID one, which pg_dump cannot tell from the parent's; and what could only be added as NOT VALID.
 * @returns reasons by object key
 */
export async function validateConstraints(
  client: Client,
  source: Inventory,
  target: Inventory,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const present = byKey(target.objects);
  for (const object of source.objects) {
    if (!/^(table|domain) constraint$/.test(object.kind) || object.definition.includes("NOT VALID")) continue;
    const at = place(object);
    if (at === undefined || !present.get(objectKey(object))?.definition.includes("NOT VALID")) continue;
    const reason = await attemptUnder(client, paths, `alter ${at.on} validate constraint ${at.name}`);
    if (reason !== undefined) failures.set(objectKey(object), reason);
  }
  return failures;
}

/** Comments on large objects: pg_dump keeps them with the objects' data, not with the schema. */
export async function commentLargeObjects(client: Client, source: Inventory): Promise<void> {
  for (const object of source.objects) {
    if (object.kind !== "large object" || object.comment === null) continue;
    await attempt(client, `comment on large object ${object.identity} is ${quoteLiteral(object.comment)}`);
  }
}

/** What the target's materialised views hold now, by `schema.view`. */
export async function measureViews(client: Client, source: Inventory): Promise<Map<string, MaterializedView>> {
  const measured = new Map<string, MaterializedView>();
  const paths = [undefined, ...readingPaths(source)];
  for (const view of source.materializedViews.filter((one) => one.populated)) {
    for (const path of paths) {
      await client.query("begin");
      try {
        if (path !== undefined) await client.query(pathStatement(path));
        measured.set(tableName(view), await fingerprintMaterializedView(client, view));
        break;
      } catch (error) {
        // Not there or not filled: the comparison finds no measurement and says so.
        if (!isLeftToCopy(error)) break;
      } finally {
        await client.query("rollback");
      }
    }
  }
  return measured;
}

import type { Client } from "pg";
import { askEach } from "../../../postgres/connect/connect.ts";
import { parseQualified, quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, MaterializedView, SequenceValue } from "../../../postgres/inventory/model.ts";
import { readingPaths } from "../../../postgres/inventory/name-lookup.ts";
import { objectKey } from "../../../postgres/inventory/object-query.ts";
import { viewsReadBy } from "../../../postgres/inventory/references.ts";
import { isLeftToCopy } from "../../../postgres/rows/export-rows.ts";
import { fingerprintLargeObject, readApart } from "../../../postgres/rows/fingerprint.ts";
import { viewQuestions } from "../../../postgres/rows/others-code.ts";
import { attempt, attemptAgain, attemptEach, attemptKeyed, attemptUnder, type Keyed } from "../../target/sessions.ts";
import { place } from "../load/check-constraints.ts";
import type { DataPlan } from "../plan/plan-data.ts";
import { definitionsPlanned, lendingPath, namesAsTemporary, withNothingFolded } from "../plan/steps.ts";

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
  return attemptKeyed(
    client,
    sequences.map((one): Keyed => [tableName(one), statement(one)]),
  );
}

/**
 * Validates the constraints that were valid at the source and are not here: a child's check that came from a parent's
 * NOT VALID one, which pg_dump cannot tell from the parent's; and what could only be added as NOT VALID.
 * @returns reasons by object key
 */
export async function validateConstraints(
  client: Client,
  source: Inventory,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const unvalidated = await client.query<{ kind: string; identity: string }>(
    `select i.type as kind, i.identity
       from pg_constraint k cross join lateral pg_identify_object('pg_constraint'::regclass, k.oid, 0) i
      where not k.convalidated`,
  );
  const here = new Set(unvalidated.rows.map(objectKey));
  const failures = new Map<string, string>();
  for (const object of source.objects) {
    if (!/^(table|domain) constraint$/.test(object.kind) || object.definition.includes("NOT VALID")) continue;
    const at = place(object);
    if (at === undefined || !here.has(objectKey(object))) continue;
    const validate = `alter ${at.on} validate constraint ${at.name}`;
    const isKey = object.definition.startsWith("FOREIGN KEY");
    const reason = await attemptUnder(client, paths, isKey ? withNothingFolded(validate) : validate);
    if (reason !== undefined) failures.set(objectKey(object), reason);
  }
  return failures;
}

/** Comments on large objects: pg_dump keeps them with the objects' data, not with the schema. */
export async function commentLargeObjects(client: Client, source: Inventory): Promise<void> {
  const commented = source.objects.filter(({ kind, comment }) => kind === "large object" && comment !== null);
  await attemptEach(
    client,
    commented,
    ({ identity, comment }) => `comment on large object ${identity} is ${quoteLiteral(comment ?? "")}`,
  );
}

/** The target's large objects that the set has too, by OID. */
export async function measureLargeObjects(
  client: Client,
  source: Inventory,
  target: Inventory,
): Promise<Map<string, { bytes: string; hash: string }>> {
  const present = new Set(target.largeObjects.map((one) => one.oid));
  const both = source.largeObjects.filter(({ oid }) => present.has(oid));
  const measured = await askEach(client, both, ({ oid }) => fingerprintLargeObject(client, oid));
  return new Map(measured.map(({ oid, ...found }) => [oid, found]));
}

/** What the target's materialised views hold now, by `schema.view`. */
export async function measureViews(client: Client, source: Inventory): Promise<Map<string, MaterializedView>> {
  const filled = source.materializedViews.filter((one) => one.populated);
  const paths = [undefined, ...readingPaths(source)];
  const asked = await viewQuestions(client, filled);
  const found = await askEach(client, asked, async ({ view, stored, fresh }): Promise<MaterializedView[]> => {
    for (const path of paths) {
      try {
        const held = await readApart(client, view, stored, path);
        const now = fresh === undefined ? null : await readApart(client, view, fresh, path).catch(() => null);
        return [{ ...view, stored: held, fresh: now }];
      } catch (error) {
        // Not filled: the comparison finds no measurement and says so.
        if (!isLeftToCopy(error)) return [];
      }
    }
    return [];
  });
  return new Map(found.flat().map((view) => [tableName(view), view]));
}

type View = Pick<MaterializedView, "schema" | "name">;

/**
 * Fills the materialised views that were filled, again and again while it gets further: one may read another. One that
 * was not filled at the source but is read by one that was, is filled for as long as that takes.
 * @returns reasons by `schema.view`
 */
export async function refreshViews(
  client: Client,
  source: Inventory,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const wanted = source.materializedViews.filter((view) => view.populated);
  let failures = await fill(client, source, wanted, paths);
  const lent = [...failures.values()].some(isUnfilled) ? await emptyOnesReadBy(client, source, failures) : [];
  if (lent.length > 0) {
    const again = [...lent, ...wanted.filter((view) => failures.has(tableName(view)))];
    failures = await fill(client, source, again, paths);
    for (const view of lent) failures.delete(tableName(view));
  }
  await emptyAgain(client, source);
  return failures;
}

/** Not only what this run filled: one that was killed may have left a view full that is to be empty. */
async function emptyAgain(client: Client, source: Inventory): Promise<void> {
  const wanted = source.materializedViews.filter((view) => !view.populated);
  if (wanted.length === 0) return;
  const answer = await client.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'm' and c.relispopulated`,
  );
  const full = new Set(answer.rows.map(tableName));
  for (const view of wanted.filter((one) => full.has(tableName(one)))) {
    await attempt(client, `refresh materialized view ${quoteQualified(view.schema, view.name)} with no data`);
  }
}

/** SQLSTATE 55000: what it reads has not been filled. */
const isUnfilled = (reason: string): boolean => reason.startsWith("55000");

async function emptyOnesReadBy(
  client: Client,
  source: Inventory,
  failures: ReadonlyMap<string, string>,
): Promise<MaterializedView[]> {
  const reads = await viewsReadBy(client);
  const names = new Set([...failures.keys()].flatMap((name) => reads.get(name) ?? []));
  return source.materializedViews.filter((view) => !view.populated && names.has(tableName(view)));
}

async function fill(
  client: Client,
  source: Inventory,
  views: readonly View[],
  paths: readonly string[],
): Promise<Map<string, string>> {
  const refused = await attemptAgain(client, views, refreshStatement);
  let failures = new Map([...refused].map(([view, reason]) => [tableName(view), reason]));
  for (let left = [...refused.keys()], before = left.length + 1; left.length > 0 && left.length < before; ) {
    before = left.length;
    failures = new Map();
    for (const view of left) {
      const reason = await refresh(client, source, view, paths);
      if (reason !== undefined) failures.set(tableName(view), reason);
    }
    left = left.filter((view) => failures.has(tableName(view)));
  }
  return failures;
}

const refreshStatement = ({ schema, name }: View): string =>
  `refresh materialized view ${quoteQualified(schema, name)};\n`;

function qualifiedName(identity: string): string | undefined {
  const parts = parseQualified(identity);
  return parts && tableName(parts);
}

/** From 17 on REFRESH has a search path of its own, so that of the session helps only before. */
async function refresh(
  client: Client,
  source: Inventory,
  view: View,
  paths: readonly string[],
): Promise<string | undefined> {
  const statement = refreshStatement(view);
  let reason = await attemptUnder(client, paths, statement);
  const named = source.objects.find(
    ({ kind, identity }) => kind === "materialized view" && qualifiedName(identity) === tableName(view),
  );
  const planned = definitionsPlanned(source);
  for (const path of paths) {
    const lending = lendingPath(statement, named?.definition ?? "", source, path) ?? statement;
    const wider = lendingPath(statement, `${named?.definition}\n${planned}`, source, path) ?? lending;
    for (const way of new Set([lending, namesAsTemporary(lending, source, path), wider])) {
      if (reason === undefined || isUnfilled(reason)) return reason;
      reason = await attempt(client, way);
    }
  }
  return reason;
}

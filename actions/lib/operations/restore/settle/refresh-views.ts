import type { Client } from "pg";
import { parseQualified, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, MaterializedView } from "../../../postgres/inventory/model.ts";
import { viewsReadBy } from "../../../postgres/inventory/views-read.ts";
import { attempt, attemptUnder } from "../../target/attempt.ts";
import { definitionsPlanned, lendingPath, namesAsTemporary } from "../load/search-paths.ts";

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
  let left = views;
  for (;;) {
    const failures = new Map<string, string>();
    for (const view of left) {
      const reason = await refresh(client, source, view, paths);
      if (reason !== undefined) failures.set(tableName(view), reason);
    }
    if (failures.size === 0 || failures.size === left.length) return failures;
    left = left.filter((view) => failures.has(tableName(view)));
  }
}

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
  const statement = `refresh materialized view ${quoteQualified(view.schema, view.name)};\n`;
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

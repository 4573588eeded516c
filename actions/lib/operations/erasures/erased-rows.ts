import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { quoteIdentifier, tableName } from "../../postgres/identifier.ts";
import { isErased, type LedgerRule, placeOf } from "../../vault/erasures/entries.ts";
import { blocksOf } from "../../vault/erasures/hash-key.ts";
import { isValuesRule, placeText, valuesQuery } from "../../vault/erasures/script.ts";
import type { Context } from "../context.ts";
import { erasuresOf } from "./open-erasures.ts";
import type { Erasures } from "./replay.ts";

/** Rows of one table, laid beside it, that come from an older time. */
interface Laid {
  /** What stands behind FROM. */
  readonly relation: string;
  /** The tables that it is in the place of, as `schema.table`: itself, and what it is a partition of. */
  readonly tables: readonly string[];
  readonly columns: readonly string[];
  /** ISO 8601; consents that were withdrawn later count. */
  readonly at: string | undefined;
}

/**
 * Takes what was erased out of rows that somebody is about to put back: those of erased people go, and what was set is set. Rows that are
 * found through another table's are not looked for: they come back with the rows that they refer to, or not at all.
 * @throws ConfigurationError `erasure-untold` when the rows lack a column that people are found by
 */
export async function withoutErasedRows(client: Client, { entries, key }: Erasures, laid: Laid): Promise<void> {
  const { inner, outer } = blocksOf(key);
  for (const { rule, hashes } of rulesOf(entries, laid)) {
    const { find, action } = rule;
    const lacking = [find.column, ...("only" in find && find.only ? [find.only.column] : [])].find(
      (column) => !laid.columns.includes(column),
    );
    if (lacking !== undefined)
      throw new ConfigurationError(
        "erasure-untold",
        `The rows have no column ${lacking}, by which people who were erased are found in ${rule.table}.`,
        "Nothing was changed. Take a newer set, in which the table has that column.",
      );
    const sets = action === "delete" ? [] : Object.entries(action).filter(([column]) => laid.columns.includes(column));
    if (action !== "delete" && sets.length === 0) continue;
    const found = `exists (select from (${valuesQuery(find)}) x(v)
      where encode(sha256($2::bytea || sha256($3::bytea || convert_to($4::text || x.v, 'UTF8'))), 'hex') = any ($1::text[]))`;
    const set = sets.map(([column, value]) => `${quoteIdentifier(column)} = ${value}`).join(", ");
    await client.query(
      action === "delete"
        ? `delete from ${laid.relation} t where ${found}`
        : `update ${laid.relation} t set ${set} where ${found}`,
      [hashes, outer, inner, placeText(rule)],
    );
  }
}

/** What concerns these tables, each place and action once. */
function rulesOf(
  entries: Erasures["entries"],
  { tables, at }: Laid,
): { readonly rule: LedgerRule; readonly hashes: string[] }[] {
  const rules = new Map<string, { rule: LedgerRule; hashes: string[] }>();
  for (const entry of entries.filter(isErased)) {
    if (entry.event === "revoke" && at !== undefined && entry.at <= at) continue;
    for (const rule of entry.rules.filter((one) => tables.includes(one.table) && isValuesRule(one))) {
      const name = JSON.stringify([placeOf(rule), rule.action]);
      const known = rules.get(name) ?? { rule, hashes: [] };
      if (rule.hash !== null) known.hashes.push(rule.hash);
      rules.set(name, known);
    }
  }
  return [...rules.values()];
}

/**
 * For a road that lays rows of a set beside the live table: takes out of them what was erased.
 * @param at the time of the set
 * @returns undefined: nobody was ever erased
 * @throws ConfigurationError `erasures-unknown`: rows of people who were erased could come back
 */
export async function erasedTaker(context: Context, at: string | undefined) {
  const { erasures, problem } = await erasuresOf(context);
  if (problem !== null)
    throw new ConfigurationError(
      "erasures-unknown",
      `Nobody can tell which rows were erased: ${problem}`,
      "Nothing was changed. Bring the ledger back first: runbooks/compliance/gdpr-erasure.md.",
    );
  if (erasures === undefined) return undefined;
  return (table: { readonly schema: string; readonly name: string }) =>
    (client: Client, relation: string, columns: readonly string[]) =>
      withoutErasedRows(client, erasures, { relation, tables: [tableName(table)], columns, at });
}

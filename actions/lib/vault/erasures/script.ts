import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Find } from "../../config/policy/erasure.ts";
import { parseQualified, quoteIdentifier, quoteLiteral, quoteQualified } from "../../postgres/identifier.ts";
import { isErased, type LedgerEntry, type LedgerRule, placeOf } from "./entries.ts";
import { blocksOf, type HashKey } from "./hash-key.ts";

/** Takes out of a database what the tables below name: one text, for psql and for Lifeboat. */
export const replaySql = readFileSync(new URL("./replay.sql", import.meta.url), "utf8");

/** What the replay works by, in temporary tables of its session. */
export const replayTables = `
create temporary table lifeboat_erasure_key (inner_block bytea, outer_block bytea) on commit drop;
create temporary table lifeboat_erasure_snapshot (at timestamptz) on commit drop;
create temporary table lifeboat_erasure_rule (number int, depth int, place text, finder text, needs json, sets json) on commit drop;
create temporary table lifeboat_erasure_hash (place text, hash text, entry int) on commit drop;
create temporary table lifeboat_erasure_most (number int, entry int, most int8, before timestamptz) on commit drop;
create temporary table lifeboat_erasure_row (place text, hash text) on commit drop;
create temporary table lifeboat_erasure_found (part oid, place tid, entry int) on commit drop;
create temporary table lifeboat_erasure_done (number int, place text, rows int8, gone_rows int8, gone_hash numeric, came_rows int8, came_hash numeric) on commit drop;
`;

/** One for each place and what happens there, whoever was erased. */
interface ScriptRule {
  readonly number: number;
  /** How many tables lie between it and the person: rows that refer to others are found before these go. */
  readonly depth: number;
  readonly table: string;
  readonly place: string;
  readonly finder: string;
  readonly needs: readonly { readonly place: string; readonly name: string }[];
  readonly sets: Readonly<Record<string, string>> | null;
}

export interface ReplayData {
  readonly rules: readonly ScriptRule[];
  readonly hashes: readonly { readonly place: string; readonly hash: string; readonly entry: number }[];
  /** In the order of the entries and their rules. */
  readonly most: readonly {
    readonly number: number;
    readonly entry: number;
    readonly most: number;
    /** Counts for what is older than this alone. */
    readonly before: string | null;
  }[];
}

/** What the ledger says, in the form of the tables. Pure. */
export function replayData(entries: readonly LedgerEntry[]): ReplayData {
  const rules = new Map<string, ScriptRule>();
  const hashes = new Map<string, ReplayData["hashes"][number]>();
  const most: ReplayData["most"][number][] = [];
  for (const entry of entries.filter(isErased)) {
    for (const rule of entry.rules) {
      const { finder, depth, needs } = finderOf(rule, entry.rules);
      const sets = rule.action === "delete" ? null : rule.action;
      const name = JSON.stringify([rule.table, finder, sets]);
      const known = rules.get(name) ?? {
        ...{ number: rules.size + 1, depth, table: rule.table, place: quotedTable(rule.table), finder, needs, sets },
      };
      rules.set(name, known);
      most.push({
        ...{ number: known.number, entry: entry.number, most: rule.most },
        before: entry.event === "revoke" ? entry.at : null,
      });
      if (rule.hash === null) continue;
      const one = { place: digestOf(rule), hash: rule.hash, entry: entry.number };
      hashes.set(JSON.stringify(one), one);
    }
  }
  return { rules: [...rules.values()], hashes: [...hashes.values()], most };
}

interface Finder {
  /** Gives `part`, `place` and `entry` of the rows. */
  readonly finder: string;
  readonly depth: number;
  readonly needs: ScriptRule["needs"];
}

function finderOf(rule: Pick<LedgerRule, "table" | "find">, all: readonly LedgerRule[], depth = 0): Finder {
  const { table, find } = rule;
  const place = quotedTable(table);
  const own = { place, name: find.column };
  if ("of" in find) {
    const column = `t.${quoteIdentifier(find.column)}`;
    const parents = all.filter((one) => one.table === find.of && placeOf(one) !== placeOf(rule));
    if (parents.length === 0 || depth > 10) throw new Error(`${table} refers to ${find.of}, which no rule finds.`);
    const found = parents.map((parent) => finderOf(parent, all, depth + 1));
    const key = `p.${quoteIdentifier(find.key)}`;
    const finder = `select t.tableoid as part, t.ctid as place, m.entry from ${place} t
      join (select pg_catalog.format('%s', ${key}) as key, f.entry from ${quotedTable(find.of)} p
              join (${found.map((one) => one.finder).join(" union all ")}) f on f.part = p.tableoid and f.place = p.ctid
             where ${key} is not null) m
        on m.key = pg_catalog.format('%s', ${column})`;
    const needs = [own, { place: quotedTable(find.of), name: find.key }, ...found.flatMap((one) => one.needs)];
    return { finder, depth: 1 + Math.max(...found.map((one) => one.depth)), needs };
  }
  const only = "only" in find ? find.only : undefined;
  const keyed = `encode(sha256((select outer_block from pg_temp.lifeboat_erasure_key) ||
      sha256((select inner_block from pg_temp.lifeboat_erasure_key) || convert_to(${quoteLiteral(placeText(rule))} || x.v, 'UTF8'))), 'hex')`;
  const finder = `select t.tableoid as part, t.ctid as place, h.entry from ${place} t
      cross join lateral (${valuesQuery(find)}) x(v)
      join pg_temp.lifeboat_erasure_hash h on h.place = ${quoteLiteral(digestOf(rule))} and h.hash = ${keyed}`;
  return { finder, depth: 0, needs: only === undefined ? [own] : [own, { place, name: only.column }] };
}

/** What is hashed in front of a value: which place it stands in. */
export const placeText = (rule: Pick<LedgerRule, "table" | "find">): string => `${placeOf(rule)}\n`;

type ValuesFind = Exclude<Find, { of: string }>;

/** Whether rows are found by their own values. */
export function isValuesRule<Rule extends { readonly find: Find }>(rule: Rule): rule is Rule & { find: ValuesFind } {
  return !("of" in rule.find);
}

/** A query of the values of a row `t` that may be the person's. `format` writes a value as its type does, and calls nobody's cast. */
export function valuesQuery(find: Find): string {
  if ("of" in find) throw new Error(`Rows of ${find.of} lead to these: they have no value of their own.`);
  const text = (column: string): string => `pg_catalog.format('%s', t.${quoteIdentifier(column)})`;
  const only = find.only === undefined ? "" : ` where ${text(find.only.column)} = ${quoteLiteral(find.only.value)}`;
  return `select y.v from (${rawValues(find, `t.${quoteIdentifier(find.column)}`, text(find.column))}) y(v)${only}`;
}

function rawValues(find: ValuesFind, column: string, text: string): string {
  if ("pattern" in find) return `select pg_catalog.substring(${text} from ${quoteLiteral(patternOf(find.pattern))})`;
  if ("each" in find)
    return `select i #>> '{}' from jsonb_path_query(${column}::jsonb, ${quoteLiteral(find.each)}, '{}', true) i`;
  if (find.path !== undefined)
    return `select ${column} #>> array[${find.path.map((step) => quoteLiteral(step)).join(", ")}]`;
  return `select ${text} where ${column} is not null`;
}

/** The regular expression of a pattern with `{subject}`; the same for PostgreSQL and JavaScript. */
export function patternOf(pattern: string): string {
  const escaped = (text: string) => text.replaceAll(/[.[\]{}()*+?^$|\\]/g, "\\$&");
  const [before = "", after = ""] = pattern.split("{subject}");
  return `^${escaped(before)}([^/]+)${escaped(after)}`;
}

/** Short name of a place, for the hashes of it. */
export function digestOf(rule: Pick<LedgerRule, "table" | "find">): string {
  return createHash("sha256").update(placeOf(rule)).digest("hex").slice(0, 24);
}

export function quotedTable(name: string): string {
  const parsed = parseQualified(name);
  if (parsed === undefined) throw new Error(`${name} is no schema.table.`);
  return quoteQualified(parsed.schema, parsed.name);
}

/**
 * The whole ledger as SQL that psql runs: `psql -v ON_ERROR_STOP=on -v snapshot=<time of the set> -f -`. It holds the key of the hashes: never store it
 * unsealed.
 */
export function psqlScript(entries: readonly LedgerEntry[], key: HashKey): string {
  const { rules, hashes, most } = replayData(entries);
  const { inner, outer } = blocksOf(key);
  const rows = (table: string, of: readonly (readonly (string | number | null)[])[]): string =>
    of.map((values) => `insert into ${table} values (${values.map(sqlValue).join(", ")});`).join("\n");
  return `-- What was erased, taken out of a restored database: entries 1 to ${entries.at(-1)?.number ?? 0} of the ledger.
begin;
set local search_path = pg_catalog;
set local row_security = off;
set local standard_conforming_strings = on;
do $$ begin perform set_config('session_replication_role', 'replica', true); exception when insufficient_privilege then null; end $$;
${replayTables.trim()}
insert into lifeboat_erasure_key values ('\\x${inner.toString("hex")}', '\\x${outer.toString("hex")}');
insert into lifeboat_erasure_snapshot values (:'snapshot');
${rows(
  "lifeboat_erasure_rule",
  rules.map((one) => [
    ...[one.number, one.depth, one.place, one.finder, JSON.stringify(one.needs)],
    one.sets === null ? null : JSON.stringify(one.sets),
  ]),
)}
${rows(
  "lifeboat_erasure_hash",
  hashes.map((one) => [one.place, one.hash, one.entry]),
)}
${rows(
  "lifeboat_erasure_most",
  most.map((one) => [one.number, one.entry, one.most, one.before]),
)}
${replaySql.trim()}
select place as "table", sum(rows) as "rows taken out" from lifeboat_erasure_done group by place order by place;
commit;
`;
}

function sqlValue(value: string | number | null): string {
  if (value === null) return "null";
  return typeof value === "number" ? String(value) : quoteLiteral(value);
}

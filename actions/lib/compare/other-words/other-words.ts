import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../../base/errors.ts";
import { askEach } from "../../postgres/connect/connect.ts";
import type { Inventory, InventoryObject } from "../../postgres/inventory/model.ts";
import { namesakesAside } from "../../postgres/inventory/name-lookup.ts";
import { byKey, objectKey } from "../../postgres/inventory/object-query.ts";
import { isRelation } from "../../postgres/inventory/read.ts";
import { alike, columnsOf, type SameExpression, sameButExpressions } from "./definition-parts.ts";
import { PrintAgain } from "./print-again.ts";

/** What the comparison of texts alone would call different, by object key. */
export interface OtherWords {
  readonly same: ReadonlySet<string>;
  /** Nobody could tell: the server lets nothing be tried, e.g. because it is a standby. */
  readonly untold: ReadonlySet<string>;
}

/**
 * PostgreSQL prints some definitions otherwise once it has read what it printed (`x between 1 and 2 and …`, a varchar
 * `in (…)`), and majors differ in how they print: such a text changes with a dump and a restore, its meaning does not.
 * Where a text differs, the target reads the set's text and its own, and prints both: prints that are the same were read
 * as the same.
 */
export async function inOtherWords(client: Client, source: Inventory, target: Inventory): Promise<OtherWords> {
  const same = new Set<string>();
  const untold = new Set<string>();
  const present = byKey(target.objects);
  const doubtful: Pair[] = [];
  for (const object of source.objects) {
    const twin = present.get(objectKey(object));
    if (twin === undefined || twin.definition === object.definition) continue;
    const [wanted, here] = alike(object, twin, { present, otherMajor: source.serverMajor !== target.serverMajor });
    if (wanted === here) same.add(objectKey(object));
    else if (printed.has(object.kind) || isRelation(object.kind)) doubtful.push({ object, twin, wanted, here });
  }
  if (doubtful.length === 0) return { same, untold };
  const homes = await homesOf(client, doubtful);
  const told = await PrintAgain.during(client, async (print) => {
    const compareEach = (
      pairs: readonly Pair[],
      after: (pair: Pair, compare: Compare) => Promise<boolean | undefined>,
    ) =>
      askEach(client, pairs, async (pair) => {
        try {
          const compare = () => isSame(pair, homes.get(homeKey(pair.twin)) ?? "", print);
          if (await after(pair, compare)) same.add(objectKey(pair.object));
        } catch (error) {
          if (sqlState(error) === "none") throw error;
          untold.add(objectKey(pair.object));
        }
      });
    await compareEach(doubtful, (_, compare) => compare());
    for (const pair of doubtful) {
      const away = namesakesAside(pair.wanted, source).map((one) => one.away);
      if (away.length === 0 || same.has(objectKey(pair.object)) || untold.has(objectKey(pair.object))) continue;
      await compareEach([pair], (_, compare) => print.after(away.join(""), compare));
    }
    return true;
  });
  if (told === undefined) for (const { object } of doubtful) untold.add(objectKey(object));
  return { same, untold };
}

type Compare = () => Promise<boolean>;

interface Pair {
  readonly object: InventoryObject;
  readonly twin: InventoryObject;
  readonly wanted: string;
  readonly here: string;
}

/** Kinds with expressions or queries in their definitions, beside relations. */
const printed = new Set([
  "collation",
  "domain constraint",
  "function",
  "index",
  "policy",
  "procedure",
  "publication",
  "rule",
  "statistics object",
  "table constraint",
  "trigger",
  "type",
]);

async function isSame({ object, wanted, here }: Pair, home: string, print: PrintAgain): Promise<boolean> {
  const over = (from: string) => async (left: string, right: string) => {
    const one = await print.expression(left, from);
    const other = one === undefined ? undefined : await print.expression(right, from);
    return other === undefined ? undefined : one === other;
  };
  const both = async (
    pattern: RegExp,
    again: (before: string, name: string, after: string) => Promise<string | undefined>,
  ) => {
    const [left, right] = [pattern.exec(wanted), pattern.exec(here)];
    if (left === null || right === null) return false;
    const one = await again(left[1] ?? "", left[2] ?? "", left[3] ?? "");
    return (
      one !== undefined && left[4] === right[4] && one === (await again(right[1] ?? "", right[2] ?? "", right[3] ?? ""))
    );
  };
  switch (object.kind) {
    case "view":
    case "materialized view":
      return sameView(wanted, here, print, over(""));
    case "trigger":
      return sameButExpressions(wanted, here, over(`from ${home} new, ${home} old`));
    case "type":
      return sameButExpressions(wanted, here, over(""));
    case "domain constraint":
      return sameButExpressions(wanted, here, async (left, right) => {
        const one = await print.domainCheck(left, home);
        return one === undefined ? undefined : one === (await print.domainCheck(right, home));
      });
    case "function":
    case "procedure":
      return both(routine, (before, _schema, after) => print.routine(before, after));
    case "rule":
      return both(rule, (before, _name, after) => print.rule(before, after, home));
    case "collation":
      return sameCollation(wanted, here, print);
    case "publication":
      return samePublication(wanted, here, over);
    default:
      return sameButExpressions(wanted, here, over(`from ${home}`));
  }
}

const word = String.raw`(?:"(?:[^"]|"")+"|[\w$\u0080-\uffff]+)`;
const qualified = String.raw`${word}\.${word}`;
const routine = new RegExp(String.raw`^(CREATE OR REPLACE (?:FUNCTION|PROCEDURE) )(${word}\.)([\s\S]*)$`);
const rule = new RegExp(String.raw`^(CREATE RULE ${word} AS\s+ON [A-Z]+ TO )(${qualified})([\s\S]*;)( enabled \w)?$`);
const query = /^ (?:SELECT|WITH)[\s\S]*$/m;

async function sameView(wanted: string, here: string, print: PrintAgain, same: SameExpression): Promise<boolean> {
  const [left, right] = [columnsOf(wanted), columnsOf(here)];
  const [text, own] = [query.exec(left.head)?.[0], query.exec(right.head)?.[0]];
  if (text === undefined || own === undefined) return false;
  if (left.head.slice(0, -text.length) !== right.head.slice(0, -own.length)) return false;
  if (!(await sameButExpressions(left.lines.join("\n"), right.lines.join("\n"), same))) return false;
  const printed = await print.query(text);
  return text === own || printed === own || (printed !== undefined && printed === (await print.query(own)));
}

const icu = /^i ((?:non)?deterministic) ?(\S*)( .*)?$/;

/** Only the locale has other words; the root locale has none in 15. */
async function sameCollation(wanted: string, here: string, print: PrintAgain): Promise<boolean> {
  const [left, right] = [icu.exec(wanted), icu.exec(here)];
  if (left === null || right === null || left[1] !== right[1] || left[3] !== right[3]) return false;
  const one = await print.icuLocale(left[2] ?? "");
  return one !== undefined && one === (await print.icuLocale(right[2] ?? ""));
}

const publishedTable = new RegExp(`^ {2}table (${qualified})`);

async function samePublication(wanted: string, here: string, over: (from: string) => SameExpression): Promise<boolean> {
  const [left, right] = [wanted, here].map((text) => text.split(/^(?= {2}(?:table|schema) )/m));
  if (left === undefined || left.length !== right?.length) return false;
  for (const [at, line] of left.entries()) {
    const own = right[at] ?? "";
    const table = publishedTable.exec(line)?.[1];
    if (line !== own && (table === undefined || !(await sameButExpressions(line, own, over(`from ${table}`)))))
      return false;
  }
  return true;
}

const homeKey = ({ classId, oid }: { classId: string; oid: string }) => `${classId} ${oid}`;
const homeSchema = z.array(z.strictObject({ classId: z.string(), oid: z.string(), home: z.string() }));

/** The relation whose columns a definition speaks of, or the type that a domain's check is about. */
async function homesOf(client: Client, pairs: readonly Pair[]): Promise<Map<string, string>> {
  const part = (catalog: string, relation: string, oid = "oid") =>
    `select '${catalog}'::regclass as class, ${oid} as oid, ${relation}::regclass::text as home from ${catalog}`;
  const parts = [
    part("pg_trigger", "tgrelid"),
    part("pg_policy", "polrelid"),
    part("pg_rewrite", "ev_class"),
    part("pg_statistic_ext", "stxrelid"),
    `${part("pg_class", "oid")} where relkind in ('r', 'p', 'f', 'v', 'm')`,
    `select 'pg_class'::regclass, indexrelid, indrelid::regclass::text from pg_index`,
    `${part("pg_constraint", "conrelid")} where conrelid <> 0`,
    `select 'pg_constraint'::regclass, k.oid, format_type(t.typbasetype, t.typtypmod) ||
            case when t.typcollation <> b.typcollation then ' collate ' || t.typcollation::regcollation::text else '' end
       from pg_constraint k join pg_type t on t.oid = k.contypid join pg_type b on b.oid = t.typbasetype`,
  ];
  const answer = await client.query(
    `select q.class::oid::int8::text as "classId", q.oid::int8::text as oid, q.home from (${parts.join(" union all ")}) q
      where q.oid::int8 = any ($1::int8[])`,
    [pairs.map(({ twin }) => twin.oid)],
  );
  return new Map(homeSchema.parse(answer.rows).map((row) => [homeKey(row), row.home]));
}

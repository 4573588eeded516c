import type { Client } from "pg";
import { z } from "zod";
import type { Difference } from "../../../compare/difference.ts";
import { unenforced } from "../../../compare/twins.ts";
import {
  nameOnTable,
  parseQualified,
  quoteIdentifier,
  quoteQualified,
  tableName,
} from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import {
  countEach,
  type ForeignKey,
  foreignKeys,
  orphansOf,
  tablesOf,
} from "../../../postgres/inventory/references.ts";
import { checkText, place } from "../load/check-constraints.ts";

/** A constraint that says valid at the source and is NOT VALID here, because rows break it. */
export interface BrokenConstraint {
  /** How many rows, how to see them, and what makes it valid again. */
  readonly why: string;
  /** `tableName` of those whose rows decide; empty for a domain, whose values lie anywhere. */
  readonly tables: readonly string[];
}

/**
 * Finds the constraints that are NOT VALID here for a reason: rows break them, or PostgreSQL cannot look. Where those rows
 * are the source's, the source breaks its own constraint. By object key; one that no row breaks is not among them.
 *
 * @param paths search paths for functions that find others by it
 */
export async function brokenConstraints(
  client: Client,
  source: Inventory,
  target: Inventory,
  paths: readonly string[],
): Promise<Map<string, BrokenConstraint>> {
  const broken = new Map<string, BrokenConstraint>();
  const present = byKey(target.objects);
  let keys: readonly ForeignKey[] | undefined;
  for (const object of source.objects) {
    if (!isConstraint(object) || object.definition.includes("NOT VALID")) continue;
    const twin = present.get(objectKey(object));
    if (twin === undefined || !isWeaker(object, twin)) continue;
    keys ??= await foreignKeys(client);
    const found = await describe(client, object, keys, paths);
    if (found !== undefined) broken.set(objectKey(object), found);
  }
  return broken;
}

function isConstraint({ kind }: InventoryObject): boolean {
  return kind === "table constraint" || kind === "domain constraint";
}

/** Whether a constraint is the other in everything but in being valid. */
function isWeaker(object: InventoryObject, twin: InventoryObject): boolean {
  const wanted = object.definition.replace(unenforced, "");
  return twin.definition.includes("NOT VALID") && twin.definition.replace(" NOT VALID", "") === wanted;
}

async function describe(
  client: Client,
  object: InventoryObject,
  keys: readonly ForeignKey[],
  paths: readonly string[],
): Promise<BrokenConstraint | undefined> {
  const key = keys.find(({ identity, parts }) => identity === object.identity || parts.includes(object.identity));
  // What stands at a partition is told, and repaired, with the key that it is a part of.
  const at = place({ kind: object.kind, identity: key?.identity ?? object.identity });
  const domain = object.kind === "domain constraint" ? await domainColumns(client, object) : undefined;
  const from =
    key === undefined
      ? domain === undefined
        ? breaking(object)
        : breakingDomain(object, domain.columns)
      : orphansOf(key);
  const [found] = from === undefined ? ["0"] : await countEach(client, [from], paths);
  if (found === "0" && domain?.deeper === true) return { why: unlooked, tables: [] };
  if (found === "0" || at === undefined) return undefined;
  const table = parseQualified(nameOnTable(object.identity)?.table ?? "");
  const rows = found === undefined ? "rows" : `${found} rows`;
  return {
    why:
      `${rows} break it, as they do at the source: it is NOT VALID here. See them with: select * ${from}; ` +
      `when they are repaired: alter ${at.on} validate constraint ${at.name};`,
    tables: key !== undefined ? tablesOf(key) : domain !== undefined || table === undefined ? [] : [tableName(table)],
  };
}

/** The rows of a table that break its check. */
function breaking(object: InventoryObject): string | undefined {
  const table = nameOnTable(object.identity)?.table;
  return table && `from ${table} c where not ${conditionOf(object)}`;
}

const conditionOf = (object: InventoryObject): string =>
  checkText(object)
    .replace(/^CHECK /, "")
    .replace(/ NO INHERIT$/, "");

/** VALUE stands for the value of the domain, unless it stands in quotes. */
const quotedOrValue = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\bVALUE\b/g;

function breakingDomain(object: InventoryObject, columns: readonly DomainColumn[]): string | undefined {
  const values = columns.map(
    ({ schema, name, column, base }) =>
      `select ${quoteIdentifier(column)}::${base} as value from only ${quoteQualified(schema, name)}`,
  );
  const condition = conditionOf(object).replace(quotedOrValue, (part) => (part === "VALUE" ? "c.value" : part));
  return values.length === 0 ? undefined : `from (${values.join(" union all ")}) c where not ${condition}`;
}

const columnSchema = z.strictObject({ schema: z.string(), name: z.string(), column: z.string(), base: z.string() });
type DomainColumn = z.infer<typeof columnSchema>;

/** Columns of a domain, and whether there are arrays or composites of it, at which ALTER DOMAIN refuses to look. */
async function domainColumns(client: Client, object: InventoryObject) {
  const answer = await client.query(
    `select n.nspname as schema, c.relname as name, a.attname as column, format_type(d.typbasetype, d.typtypmod) as base
       from pg_type d join pg_attribute a on a.atttypid = d.oid and a.attnum > 0 and not a.attisdropped
       join pg_class c on c.oid = a.attrelid and c.relkind = 'r' join pg_namespace n on n.oid = c.relnamespace
      where d.oid = to_regtype($1)`,
    [nameOnTable(object.identity)?.table],
  );
  const deeper = await client.query<{ found: boolean }>(
    `select exists (select from pg_attribute a join pg_class c on c.oid = a.attrelid
                     where not a.attisdropped and (a.atttypid = d.typarray or (a.atttypid = d.oid and c.relkind = 'c')))
              as found
       from pg_type d where d.oid = to_regtype($1)`,
    [nameOnTable(object.identity)?.table],
  );
  return { columns: z.array(columnSchema).parse(answer.rows), deeper: deeper.rows[0]?.found === true };
}

/** typecmds.c, get_rels_with_domain */
const unlooked =
  "it holds for what comes; PostgreSQL cannot look at the values that are there, in arrays or composites: NOT VALID here";

/** What was found of the foreign keys. */
export interface References {
  readonly total: number;
  /** @param isEqual whether a table's rows are exactly the source's: what points at nothing here then did so there */
  differences(isEqual: (table: string) => boolean): Difference[];
}

/**
 * Checks foreign keys that were there before the rows: the load ran with triggers off, so nothing has looked at them yet.
 * Most keys that the restore itself added were checked by Postgres as it added them.
 *
 * @param unchecked identities of the table constraints that the target had before, or that were added over orphans
 */
export async function checkReferences(client: Client, unchecked: ReadonlySet<string>): Promise<References> {
  const keys = (await foreignKeys(client)).filter(({ valid }) => valid);
  const looked = keys.filter(({ identity }) => unchecked.has(identity));
  const counts = await countEach(client, looked.map(orphansOf));
  const orphans = looked.map((key, at) => ({ key, found: counts[at] })).filter(({ found }) => found !== "0");
  return {
    total: keys.length,
    differences: (isEqual) => orphans.map(({ key, found }) => dangling(key, found, tablesOf(key).every(isEqual))),
  };
}

function dangling(key: ForeignKey, found: string | undefined, theirs: boolean): Difference {
  const base = { kind: "table constraint", identity: key.identity, aspect: "reference" as const };
  if (found === undefined) {
    const why = "the role may not read both tables";
    return { ...base, detail: "could not be checked", verdict: "unverified", why };
  }
  const detail = `${found} rows point at nothing`;
  if (!theirs) return { ...base, detail, verdict: "failed", why: "rows that they refer to are missing" };
  const why = `so they do at the source: the rows of both tables are equal. See them with: select c.* ${orphansOf(key)};`;
  return { ...base, detail, verdict: "expected", why };
}

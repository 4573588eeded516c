import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, describeCode, sqlState } from "../../base/errors.ts";
import { quoteIdentifier, tableName } from "../../postgres/identifier.ts";
import { firstUserOid } from "../../postgres/inventory/object-query.ts";
import { readTokens } from "../../postgres/sql-tokens.ts";
import { differingKeys, goodRows } from "./difference.ts";
import type { Choice } from "./find-differing.ts";
import { allRowsOf, hashOf, type LiveTable } from "./live-table.ts";

/** Hashes of the keys of all rows, of the live table and of the good rows, that the condition holds for. */
const [chosenLive, chosenGood] = ["pg_temp.lifeboat_chosen_live", "pg_temp.lifeboat_chosen_good"];

/**
 * Makes a person's condition ready, once it has been looked at: it is one expression of columns, constants, and functions and
 * operators that are PostgreSQL's own and only compute. What is checked is what PostgreSQL has understood of it, in the
 * views that are read later; to make one executes nothing of it.
 *
 * @param client in the transaction of the comparison, before it is READ ONLY
 * @throws ConfigurationError `where-refused`
 */
export async function makeCondition(client: Client, table: LiveTable, choice: Choice, where: string): Promise<void> {
  assertOneExpression(where);
  const key = hashOf(choice.key ?? choice.columns);
  const named = quoteIdentifier(table.name);
  const views = [
    { view: chosenLive, from: allRowsOf(table) },
    { view: chosenGood, from: goodRows },
  ];
  for (const { view, from } of views) {
    const name = view.replace("pg_temp.", "");
    try {
      await client.query(
        `create temporary view ${name} as select ${key} as hash from ${from} as ${named} where (\n${where}\n)`,
      );
    } catch (error) {
      if (sqlState(error) === "none") throw error;
      throw whereRefused(`PostgreSQL does not take it (${describeCode(error)})`);
    }
    await assertHarmless(client, view);
  }
}

/**
 * Leaves those keys that the condition holds for, before or after.
 * @returns how many rows of the live table it holds for, and how many of these do not differ
 * @throws ConfigurationError `where-nothing`, `where-refused` when it cannot be computed for a row
 */
export async function keepChosen(
  client: Client,
  table: LiveTable,
): Promise<{ readonly rows: number; readonly equal: number }> {
  try {
    const kept = (hash: string) =>
      `exists (select from ${chosenLive} c where c.hash = ${hash}) or exists (select from ${chosenGood} c where c.hash = ${hash})`;
    await client.query(`delete from ${differingKeys} k where not (${kept("k.hash")})`);
    const answer = await client.query(
      `select count(*)::text as rows, count(*) filter (where k.hash is null)::text as equal, (select count(*)::text from ${differingKeys}) as differing
         from ${chosenLive} c left join (select distinct hash from ${differingKeys}) k on k.hash = c.hash`,
    );
    const found = z.object({ rows: z.string(), equal: z.string(), differing: z.string() }).parse(answer.rows[0]);
    if (found.rows !== "0" || found.differing !== "0") return { rows: Number(found.rows), equal: Number(found.equal) };
  } catch (error) {
    // What a person's own expression makes of a value: a division by zero, a text that is no number.
    if (!/^(22|42)/.test(sqlState(error))) throw error;
    throw whereRefused(`it cannot be computed for a row (${describeCode(error)})`);
  }
  throw new ConfigurationError(
    "where-nothing",
    `--where holds for no row of ${tableName(table)}, neither now nor in what it is compared with.`,
    "Look at the condition: names in upper case stand in double quotes, texts in single ones.",
  );
}

/** Makes the error for an expression that does more than compute. */
type Refuse = (why: string) => ConfigurationError;

/**
 * Judges expressions of a table's row as a condition is judged: what each calls is PostgreSQL's own, and gives the same whenever it is
 * asked.
 * @param client in a transaction that is rolled back
 * @throws what `refuse` makes
 */
export async function assertImmutable(client: Client, from: string, expression: string, refuse: Refuse): Promise<void> {
  assertOneExpression(expression, refuse);
  const view = "pg_temp.lifeboat_expression";
  await client.query("savepoint lifeboat_expression");
  try {
    await client.query(`create temporary view lifeboat_expression as select (\n${expression}\n) as value from ${from}`);
    await assertHarmless(client, view, refuse, "i");
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    throw refuse(`PostgreSQL does not take it (${describeCode(error)})`);
  } finally {
    await client.query("rollback to savepoint lifeboat_expression; release lifeboat_expression");
  }
}

/** Words alone, in balanced parentheses, none of another schema than pg_catalog. @throws ConfigurationError `where-refused` */
function assertOneExpression(where: string, refused: Refuse = whereRefused): void {
  const { tokens, certain } = readTokens(where, { standard: true });
  if (!certain || where.includes("\0")) throw refused("a text or a name in it does not end");
  if (tokens.length === 0) throw refused("it is empty");
  let [depth, end] = [0, 0];
  for (const [index, { kind, text, at, end: next }] of tokens.entries()) {
    if (where.slice(end, at).trim() !== "") throw refused("there is a comment in it");
    end = next;
    if (kind !== "sign") continue;
    if (text === ";") throw refused("there is a semicolon in it");
    if (text === "(") depth += 1;
    if (text === ")") depth -= 1;
    if (depth < 0) throw refused("it closes a parenthesis that it has not opened");
    const before = tokens[index - 1];
    if (text === "." && before?.kind === "name" && (before.text !== "pg_catalog" || before.quoted)) {
      throw refused(`it names something by another name before a dot (${before.text}.)`);
    }
  }
  if (where.slice(end).trim() !== "") throw refused("there is a comment in it");
  if (depth !== 0) throw refused("it does not close a parenthesis");
}

/**
 * Nodes of PostgreSQL's query tree (src/include/nodes/primnodes.h) that compute from a row and reach for nothing else; our own hash of
 * the key stands in it, too.
 */
const nodes = new Set([
  ...["QUERY", "RTE", "RANGETBLENTRY", "RTEPERMISSIONINFO", "PERMISSIONINFO", "ALIAS", "FROMEXPR", "RANGETBLREF"],
  ...["VAR", "CONST", "OPEXPR", "DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR", "BOOLEXPR", "FUNCEXPR", "NULLTEST"],
  ...["BOOLEANTEST", "CASE", "CASEEXPR", "WHEN", "CASEWHEN", "CASETESTEXPR", "COALESCE", "COALESCEEXPR", "ARRAY"],
  ...["ARRAYEXPR", "RELABELTYPE", "COERCEVIAIO", "ARRAYCOERCEEXPR", "COLLATE", "COLLATEEXPR", "FIELDSELECT"],
  ...["SUBSCRIPTINGREF", "SQLVALUEFUNCTION", "NAMEDARGEXPR", "ROW", "ROWEXPR", "TARGETENTRY"],
]);

/** Looks at what PostgreSQL has understood: functions that are built in leave no dependency, so the tree itself is read. */
async function assertHarmless(
  client: Client,
  view: string,
  refused: Refuse = whereRefused,
  volatility: "is" | "i" = "is",
): Promise<void> {
  const answer = await client.query<{ tree: string }>(
    "select ev_action::text as tree from pg_rewrite where ev_class = $1::regclass",
    [view],
  );
  const tree = answer.rows[0]?.tree ?? "";
  // A brace in somebody's name stands behind a backslash (outToken in src/backend/nodes/outfuncs.c).
  const used = new Set([...tree.matchAll(/(?<!\\)\{([A-Z_]+)/g)].map(([, node]) => node ?? ""));
  const other = [...used].find((node) => !nodes.has(node));
  if (other === "SUBLINK" || used.size === 0) throw refused("there is a query in it");
  if (volatility === "i" && used.has("SQLVALUEFUNCTION")) throw refused("it asks for the time, or who asks");
  if (other !== undefined) throw refused(`it holds more than comparisons of values (${other.toLowerCase()})`);
  const numbers = (field: string) =>
    [...tree.matchAll(new RegExp(` :(?:${field}) (\\d+)`, "g"))].map(([, oid]) => oid ?? "0");
  const types = numbers("resulttype|resulttypeid|funcresulttype|array_typeid|element_typeid");
  if (types.some((oid) => Number(oid) >= firstUserOid)) throw refused("it makes a value of somebody's own type");
  const functions = await client.query<{ name: string }>(
    `with called as (
       select oid from unnest($1::oid[]) oid where oid <> 0
       union select coalesce(o.oprcode::oid, 0) from unnest($2::oid[]) n left join pg_operator o on o.oid = n
        where n <> 0)
     select coalesce(p.oid::regprocedure::text, 'an operator') as name
       from called c left join pg_proc p on p.oid = c.oid
      where p.oid is null or p.oid >= ${firstUserOid} or p.pronamespace <> 'pg_catalog'::regnamespace
         or strpos('${volatility}', p.provolatile::text) = 0 or p.prosecdef or p.prolang <> (select oid from pg_language where lanname = 'internal')
            and not (p.prolang = (select oid from pg_language where lanname = 'sql') and p.oid < ${firstUserOid})
         or p.proname ~ '_to_xml|^pg_(read|ls|stat|get|relation|table|database|tablespace)|^query_|^ts_stat'
      limit 1`,
    [numbers("funcid|opfuncid|negfuncid|hashfuncid|aggfnoid|winfnoid"), numbers("opno")],
  );
  const [found] = functions.rows;
  if (found !== undefined) throw refused(`it calls ${found.name}, which may do more than compute`);
}

function whereRefused(why: string): ConfigurationError {
  return new ConfigurationError(
    "where-refused",
    `--where is refused: ${why}.`,
    "Give one condition on the table's own columns, e.g. --where \"price = 0 and subject <> 'Art'\".",
  );
}

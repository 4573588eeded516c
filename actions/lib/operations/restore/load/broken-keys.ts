import type { Client } from "pg";
import { z } from "zod";
import { quoteQualified } from "../../../postgres/identifier.ts";
import { pathStatement } from "../../../postgres/inventory/name-lookup.ts";
import { countEach, type ForeignKey, foreignKeys, orphansOf } from "../../../postgres/inventory/references.ts";
import { reasonOf } from "../../target/sessions.ts";
import { callsOwn, type Step, type StepFailures, statementOf } from "../plan/steps.ts";
import type { Journal } from "../target/journal.ts";
import { place } from "./check-constraints.ts";
import { ownTransaction } from "./load-table.ts";

const name = String.raw`(?:"(?:[^"]|"")+"|[^\s".]+)`;
const onTable = new RegExp(String.raw`^(CREATE UNIQUE INDEX ${name} ON )(?:ONLY )?(${name}\.${name})(?= USING )`);

/**
 * Tells of keys and unique indexes that rows break how many values stand twice, and how to see them: a corrupted index or
 * another version of a collation lets them in at the source, and no server builds the key over them.
 * @param paths search paths for functions that find others by it
 */
export async function tellDuplicates(
  client: Client,
  failures: StepFailures,
  paths: readonly string[],
): Promise<StepFailures> {
  const told: StepFailures = new Map(failures);
  for (const [step, reason] of failures) {
    const unique = reason.startsWith("23505") ? await uniqueOf(client, step) : undefined;
    if (unique === undefined) continue;
    const { table, where, by } = unique;
    const grouped = `from ${table}${where} group by ${by} having count(*) > 1`;
    const [found] = await countEach(client, [`from (select 1 as one ${grouped}) d`], paths);
    if (found === undefined || found === "0") continue;
    told.set(
      step,
      `${reason}, ${found} values of this key stand in more than one row of ${table}. See them with: ` +
        `select ${by}, count(*) ${grouped}; (at the source after: set enable_indexscan = off; ` +
        "set enable_indexonlyscan = off; set enable_bitmapscan = off; since its index does not know of them); " +
        `when they are repaired: ${statementOf(step).replaceAll(/\s+/g, " ").trim()}`,
    );
  }
  return told;
}

interface Unique {
  readonly table: string;
  /** What belongs to a key and which rows it is about. */
  readonly by: string;
  readonly where: string;
}

const partsSchema = z.strictObject({
  columns: z.array(z.string()),
  predicate: z.string().nullable(),
  nulls: z.boolean(),
});

/** The server takes the key apart, as it has made it for an empty table with the same columns. */
async function uniqueOf(client: Client, step: Step): Promise<Unique | undefined> {
  const { object } = step;
  const index = onTable.exec(object?.definition ?? "");
  const table = index?.[2] ?? (object && place(object)?.on.replace(/^table /, ""));
  if (object === undefined || table === undefined) return undefined;
  const copy = "pg_temp.lifeboat_keys";
  await client.query("begin");
  try {
    await client.query(`create temporary table lifeboat_keys (like ${table}) on commit drop`);
    await client.query(
      index === null
        ? `alter table ${copy} add ${keyOnly(object.definition)}`
        : statementOnly(object.definition, index, copy),
    );
    const answer = await client.query(
      `select (select json_agg(pg_get_indexdef(i.indexrelid, k, false) order by k) from generate_series(1, i.indnkeyatts) k)
                as columns,
              pg_get_expr(i.indpred, i.indrelid) as predicate, i.indnullsnotdistinct as nulls
         from pg_index i where i.indrelid = '${copy}'::regclass`,
    );
    const { columns, predicate, nulls } = partsSchema.parse(answer.rows[0]);
    const conditions = [
      ...(predicate === null ? [] : [`(${predicate})`]),
      ...(nulls ? [] : columns.map((column) => `(${column}) is not null`)),
    ];
    return {
      table,
      by: columns.join(", "),
      where: conditions.length === 0 ? "" : ` where ${conditions.join(" and ")}`,
    };
  } catch (error) {
    reasonOf(error); // a lost session
    return undefined;
  } finally {
    await client.query("rollback").catch(() => undefined);
  }
}

/** Without what the inventory adds. */
const keyOnly = (definition: string): string => definition.replace(/( inherited)? using index [\s\S]*$/, "");

const added = /( clustered)?( replica identity)?( statistics [\d=,]+)?( partition of .*)?( tablespace .*)?$/;

function statementOnly(definition: string, index: RegExpExecArray, copy: string): string {
  return `${index[1]}${copy}${definition.slice(index[0].length).replace(added, "")}`;
}

const itemStart = "key over orphans ";

/** Identities of the foreign keys that hold by their word only: rows that point at nothing were out of the way. */
export function keysOverOrphans(journal: Journal): string[] {
  return journal.items().flatMap((item) => (item.startsWith(itemStart) ? [item.slice(itemStart.length)] : []));
}

/** By its name the leaves' own copy of the key, for as long as the transaction asks which rows break it. */
const probe = "lifeboat_orphans";

/**
 * Adds a foreign key to a partitioned table, where PostgreSQL before 18 knows no NOT VALID, over rows that break it as they
 * do at the source: those rows alone are set aside, the key is added, and they come back, in one transaction with triggers
 * off. Nothing is half done after a crash, and the comparison tells the rows, since the journal says that nobody checked.
 * @param paths search paths for what generated columns call
 * @returns whether it worked
 */
export async function addOverOrphans(
  client: Client,
  step: Step,
  journal: Journal,
  paths: readonly string[],
): Promise<boolean> {
  const on = step.object && place(step.object)?.on.replace(/^table /, "");
  if (step.object === undefined || on === undefined) return false;
  for (const path of ["", ...paths]) {
    await client.query("begin");
    try {
      await client.query("set local session_replication_role = 'replica'");
      if (path !== "") await client.query(pathStatement(path));
      const aside = await setAside(client, await keysOfLeaves(client, on, step.object.definition));
      await client.query(statementOf(step));
      for (const back of aside) await client.query(back);
      await journal.note(client, itemStart + step.object.identity, { transaction: await ownTransaction(client) });
      await client.query("commit");
      return true;
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      reasonOf(error); // throws what no other path could change
    }
  }
  return false;
}

/** The key as each partition with rows of its own would have it, so that the catalogue tells its columns and operators. */
async function keysOfLeaves(client: Client, table: string, definition: string): Promise<ForeignKey[]> {
  const answer = await client.query(
    `select t.relid::regclass::text as leaf,
            exists (select from pg_trigger g where g.tgrelid = t.oid and not g.tgisinternal and g.tgenabled in ('A', 'R'))
              or ${callsOwn("t.oid")} as fires
       from (select relid as oid, * from pg_partition_tree($1)) t where t.isleaf`,
    [table],
  );
  const leaves = z.array(z.strictObject({ leaf: z.string(), fires: z.boolean() })).parse(answer.rows);
  // A trigger of the user's that fires nevertheless would notice rows that go and come; an index runs its functions for them.
  if (leaves.length === 0 || leaves.some(({ fires }) => fires)) return [];
  for (const { leaf } of leaves) {
    await client.query(`alter table ${leaf} add constraint ${probe} ${definition} not valid`);
  }
  const keys = (await foreignKeys(client)).filter(({ identity }) => identity.startsWith(`${probe} on `));
  for (const { leaf } of leaves) await client.query(`alter table ${leaf} drop constraint ${probe}`);
  return keys;
}

/** Again and again: in a table that refers to itself, rows that go may leave others alone. Returns what brings them back. */
async function setAside(client: Client, keys: readonly ForeignKey[]): Promise<string[]> {
  const back: string[] = [];
  for (const [at, { schema, table }] of keys.entries()) {
    const leaf = quoteQualified(schema, table);
    const rows = `pg_temp.lifeboat_rows_${at}`;
    await client.query(`create temporary table lifeboat_rows_${at} (like ${leaf}) on commit drop`);
    const columns = await client.query<{ list: string | null }>(
      `select string_agg(quote_ident(attname), ', ' order by attnum) as list from pg_attribute
        where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
      [leaf],
    );
    const list = columns.rows[0]?.list ?? "";
    back.push(`insert into ${leaf} (${list}) overriding system value select ${list} from ${rows}`);
  }
  for (let moved = 1; moved > 0; ) {
    moved = 0;
    for (const [at, key] of keys.entries()) {
      const gone = `with gone as (delete ${orphansOf(key)} returning c.*) `;
      const answer = await client.query(`${gone} insert into pg_temp.lifeboat_rows_${at} select * from gone`);
      moved += answer.rowCount ?? 0;
    }
  }
  return back;
}

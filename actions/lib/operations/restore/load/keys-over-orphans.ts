import type { Client } from "pg";
import { z } from "zod";
import { quoteQualified } from "../../../postgres/identifier.ts";
import { type ForeignKey, foreignKeys, orphansOf } from "../../../postgres/inventory/foreign-keys.ts";
import { pathStatement } from "../../../postgres/inventory/name-lookup.ts";
import { reasonOf } from "../../target/attempt.ts";
import { type Step, statementOf } from "../plan/steps.ts";
import type { Journal } from "../target/journal.ts";
import { place } from "./check-constraints.ts";
import { ownTransaction } from "./load-table.ts";

const itemStart = "key over orphans ";

/** Identities of the foreign keys that hold by their word only: rows that point at nothing were out of the way. */
export function keysOverOrphans(journal: Journal): string[] {
  return journal.items().flatMap((item) => (item.startsWith(itemStart) ? [item.slice(itemStart.length)] : []));
}

/** The transactions that put rows back, as `xmin` shows them. */
export function transactionsOverOrphans(journal: Journal): string[] {
  return keysOverOrphans(journal).flatMap((identity) => journal.transaction(itemStart + identity) ?? []);
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
            exists (select from pg_trigger g where g.tgrelid = t.relid and not g.tgisinternal and g.tgenabled in ('A', 'R')) as fires
       from pg_partition_tree($1) t where t.isleaf`,
    [table],
  );
  const leaves = z.array(z.strictObject({ leaf: z.string(), fires: z.boolean() })).parse(answer.rows);
  // A trigger of the user's that fires nevertheless would notice rows that go and come.
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

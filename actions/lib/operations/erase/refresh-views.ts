import type { Client } from "pg";
import { z } from "zod";
import { quoteQualified, tableName } from "../../postgres/identifier.ts";
import { quotedTable } from "../../vault/erasures/script.ts";
import { attemptAgain } from "../target/sessions.ts";

const schema = z.array(z.strictObject({ schema: z.string(), name: z.string() }));

/**
 * Computes the materialised views anew that hold copies of what these tables held. Each by itself: one that cannot be is told.
 * @returns those that a person has to see to, as `schema.view`
 */
export async function refreshViewsOf(client: Client, tables: readonly string[]): Promise<string[]> {
  const answer = await client.query(
    `with recursive reads(view, relation) as (
       select c.oid, c.oid from pg_class c where c.relkind = 'm' and c.relispopulated
        union
       select reads.view, d.refobjid
         from reads join pg_rewrite r on r.ev_class = reads.relation
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass),
     changed(oid) as (
       select to_regclass(name)::oid from unnest($1::text[]) name
        union select t.relid::oid from unnest($1::text[]) name cross join lateral pg_partition_tree(to_regclass(name)) t)
     select distinct n.nspname as schema, c.relname as name
       from reads join changed on changed.oid = reads.relation
       join pg_class c on c.oid = reads.view join pg_namespace n on n.oid = c.relnamespace order by 1, 2`,
    [tables.map(quotedTable)],
  );
  const views = schema.parse(answer.rows);
  const failures = await attemptAgain(
    client,
    views,
    (view) => `refresh materialized view ${quoteQualified(view.schema, view.name)}`,
  );
  return [...failures.keys()].map(tableName);
}

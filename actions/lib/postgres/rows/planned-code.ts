import type { Client } from "pg";
import { z } from "zod";
import { tableName } from "../identifier.ts";

/**
 * The owner of a view or table may do whatever the session's role may, or make himself a role that may: REFRESH and ANALYZE run
 * what it calls as him, so that can do nothing here that it could not do there.
 * @param owner alias of a row of pg_roles
 */
export function ownerMayAsMuch(owner: string): string {
  return `(${owner}.rolsuper or pg_has_role(${owner}.oid, current_user, 'member')
    or ${owner}.rolcreaterole and ${owner}.rolbypassrls and pg_has_role(${owner}.oid, 'pg_read_all_data', 'usage')
       and not (select rolsuper from pg_roles where rolname = current_user))`;
}

/**
 * Tables and materialised views, as `schema.table`, on which planning any query may run code of somebody who may less than the session's role.
 *
 * The planner loads the expressions and conditions of a table's indexes and statistics objects, and computes what is constant in
 * them, as whoever asks (plancat.c, get_relation_info; relcache.c, RelationGetIndexExpressions; clauses.c, eval_const_expressions).
 * It computes a function of somebody's where all that it takes is constant, where it takes nothing, or within the text of
 * a function in SQL, which it looks into. `COPY table TO` plans nothing. What is PostgreSQL's own has no row in pg_depend; extensions' own
 * counts as the platform's.
 *
 * @throws the driver's error
 */
export async function plannedWithOthersCode(client: Client): Promise<ReadonlySet<string>> {
  const answer = await client.query(`
    with expressions as (
      select indrelid as relation, 'pg_class'::regclass as kind, indexrelid as oid, concat(indexprs::text, indpred::text) as tree
        from pg_index where indexprs is not null or indpred is not null
      union all
      select stxrelid, 'pg_statistic_ext'::regclass, oid, stxexprs::text from pg_statistic_ext where stxexprs is not null)
    select distinct n.nspname as schema, c.relname as name
      from expressions e join pg_class c on c.oid = e.relation join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
      join pg_depend d on d.classid = e.kind and d.objid = e.oid and d.refobjid >= 16384
      left join pg_operator p on d.refclassid = 'pg_operator'::regclass and p.oid = d.refobjid
      left join pg_proc f on f.oid = case d.refclassid when 'pg_proc'::regclass then d.refobjid else p.oprcode end
      left join pg_language l on l.oid = f.prolang
      left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
     where (f.oid is not null or t.typtype in ('d', 'r', 'm'))
       and (e.tree ~ '{CONST |:args <>' or l.lanname = 'sql')
       and not exists (select from pg_depend x where x.classid = d.refclassid and x.objid = d.refobjid and x.deptype = 'e')
       and not ${ownerMayAsMuch("o")}`);
  return new Set(
    z
      .array(z.object({ schema: z.string(), name: z.string() }))
      .parse(answer.rows)
      .map(tableName),
  );
}

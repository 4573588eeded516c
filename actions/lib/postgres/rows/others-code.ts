import type { Client } from "pg";
import { z } from "zod";
import { quoteQualified, tableName } from "../identifier.ts";
import { type Fingerprint, fingerprintSchema, type MaterializedView } from "../inventory/model.ts";
import { type Question, sums } from "./fingerprint.ts";

type View = Pick<MaterializedView, "schema" | "name">;

/**
 * The owner of a view or table may do whatever the session's role may, or make himself a role that may: REFRESH and ANALYZE run
 * what it calls as him, so that can do nothing here that it could not do there.
 * @param owner alias of a row of pg_roles
 */
function ownerMayAsMuch(owner: string): string {
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

/**
 * The query, and those of the views that it reads, call nobody's code: no function, operator, domain or range but PostgreSQL's and
 * extensions' own, and no foreign table. What is PostgreSQL's own has no row in pg_depend.
 */
const callsNobody = `not exists (
  with recursive reads as (
    select c.oid union
    select d.refobjid from reads join pg_rewrite w on w.ev_class = reads.oid
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass)
  select from reads join pg_rewrite w on w.ev_class = reads.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refobjid >= 16384
    left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
    left join pg_class f on d.refclassid = 'pg_class'::regclass and f.oid = d.refobjid
   where (d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass) or t.typtype in ('d', 'r', 'm') or f.relkind = 'f')
     and not exists (select from pg_depend e where e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e'))`;

/**
 * What a populated materialised view holds, and what its query gives under the same snapshot: they differ when it is stale. The
 * second is not asked of a view whose owner may less than the session's role and calls code of people's: the query would run it as that
 * role. It may not work elsewhere: the role may not run the query. Views that are not there are left out.
 */
export async function viewQuestions<Some extends View>(
  client: Client,
  views: readonly Some[],
): Promise<{ view: Some; stored: Question<Fingerprint>; fresh: Question<Fingerprint> | undefined }[]> {
  const names = views.map(({ schema, name }) => quoteQualified(schema, name));
  const answer = await client.query(
    `select pg_get_viewdef(c.oid) as query, (${ownerMayAsMuch("o")} or ${callsNobody}) as trusted
       from unnest($1::text[]) with ordinality as n(name, place)
       left join pg_class c on c.oid = to_regclass(name) left join pg_roles o on o.oid = c.relowner order by place`,
    [names],
  );
  const queries = z
    .array(z.object({ query: z.string().nullable(), trusted: z.boolean().nullable() }))
    .parse(answer.rows);
  const parse = (row: unknown) => fingerprintSchema.parse(row);
  return views.flatMap((view, place) => {
    const query = queries[place]?.query?.replace(/;\s*$/, "");
    if (query === undefined) return [];
    const stored = { sql: `${sums("row(q.*)")} from ${names[place]} q`, parse };
    const fresh = { sql: `${sums("row(q.*)")} from (${query}) q`, parse };
    return [{ view, stored, fresh: queries[place]?.trusted === true ? fresh : undefined }];
  });
}

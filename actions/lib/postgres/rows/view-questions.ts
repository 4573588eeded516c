import type { Client } from "pg";
import { z } from "zod";
import { quoteQualified } from "../identifier.ts";
import { type Fingerprint, fingerprintSchema, type MaterializedView } from "../inventory/model.ts";
import { type Question, sums } from "./fingerprint.ts";
import { ownerMayAsMuch } from "./planned-code.ts";

type View = Pick<MaterializedView, "schema" | "name">;

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

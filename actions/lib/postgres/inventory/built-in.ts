import { firstUserOid } from "./object-query.ts";

/**
 * initdb takes fewer transactions than this before it hands the cluster over (678 on 15.19, 692 on 17.11; plpgsql is its
 * last), and what a person runs comes after it (first 738). A row keeps the number of the transaction that wrote it when it
 * is frozen and when VACUUM FULL or pg_upgrade moves it, so a later number tells that somebody has changed the row since.
 */
const firstTransactionAfterInit = 720;

const touched = (row: string) => `${row}.xmin::text::int8 >= ${firstTransactionAfterInit}`;

/**
 * Hashes of all functions with fixed numbers as initdb makes them, on 15 and 17: minor releases keep them. Where one of
 * these comes out, a function whose row was written since got nothing but rights; elsewhere such a row tells its text.
 */
const functionsOfInit = ["110a03e359d50de14bbdec54d7635c73", "63c67dca64b07d3a3f7abe013b8fe3d0"];

const textOfFunction = `concat_ws(' ', l.lanname, case when p.prosecdef then 'security definer' end,
  case when p.proleakproof then 'leakproof' end, p.proconfig::text, p.probin,
  case when p.proowner <> 10 then 'owner ' || pg_get_userbyid(p.proowner) end,
  coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))`;

/** Its own function of that name in C, and nothing beside: as most are made. Spares a line for rights that were given,
 * and hashing all functions, which takes longer than the rest: PostgreSQL does that for the first row that asks. */
const namesItself = `(l.lanname = 'internal' and p.prosrc = p.proname and p.proowner = 10 and p.proconfig is null
  and not p.prosecdef and not p.proleakproof)`;

const inOwnSchema = (namespace: string) =>
  `join pg_namespace n on n.oid = ${namespace} and n.nspname in ('pg_catalog', 'information_schema')`;

/**
 * What comes with every cluster: class, number, owner, kind of rights (null: none), rights, whether its row was touched,
 * what PUBLIC has of it from the start where nobody wrote that down, and what it is, empty for what it is from the start.
 */
const everything = `
  select 'pg_proc'::regclass as class, p.oid, p.proowner as owner, 'f'::"char" as t, p.proacl as acl, ${touched("p")} as touched,
         '' as open, case when ${touched("p")} and not ${namesItself} and not (p.oid < 10000 and (select functions from untouched)) then ${textOfFunction} else '' end as definition
    from pg_proc p ${inOwnSchema("p.pronamespace")}
    join pg_language l on l.oid = p.prolang
   where p.oid < ${firstUserOid}
  union all
  select 'pg_class'::regclass, c.oid, c.relowner, 'r', c.relacl, ${touched("c")},
         case when n.nspname = 'information_schema' and c.relname !~ '^_pg_' and c.relname not in ('transforms', 'sql_parts')
              then 'SELECT' else '' end,
         concat_ws(' ', case when c.relowner <> 10 then 'owner ' || pg_get_userbyid(c.relowner) end,
           case when exists (select from pg_rewrite r where r.ev_class = c.oid and r.oid < ${firstUserOid} and ${touched("r")})
                then pg_get_viewdef(c.oid) end)
    from pg_class c ${inOwnSchema("c.relnamespace")}
   where c.oid < ${firstUserOid} and c.relkind in ('r', 'v')
  union all
  select 'pg_type'::regclass, t.oid, t.typowner, 'T', t.typacl, ${touched("t")}, '', ''
    from pg_type t ${inOwnSchema("t.typnamespace")}
   where t.oid < ${firstUserOid} and t.typacl is not null
  union all
  select 'pg_language'::regclass, l.oid, l.lanowner, 'l', l.lanacl, ${touched("l")}, '',
         concat_ws(' ', case when l.lanowner <> 10 then 'owner ' || pg_get_userbyid(l.lanowner) end,
           case when l.lanpltrusted <> (l.lanname in ('sql', 'plpgsql')) then
             case when l.lanpltrusted then 'trusted' else 'not trusted' end end)
    from pg_language l where l.oid < ${firstUserOid}
  union all
  select 'pg_namespace'::regclass, n.oid, n.nspowner, 'n', n.nspacl, ${touched("n")},
         case when n.nspname = 'information_schema' then 'USAGE' else '' end,
         case when n.nspowner <> 10 then 'owner ' || pg_get_userbyid(n.nspowner) else '' end
    from pg_namespace n where n.nspname in ('pg_catalog', 'pg_toast', 'information_schema')
  union all
  select 'pg_tablespace'::regclass, s.oid, s.spcowner, 't', s.spcacl, true, '', ''
    from pg_tablespace s where s.spcacl is not null
  union all
  select 'pg_operator'::regclass, o.oid, 0, null, null, true, '',
         concat_ws(' ', o.oprcode::oid::regprocedure, o.oprrest::oid::regproc, o.oprjoin::oid::regproc)
    from pg_operator o where o.oid < ${firstUserOid} and ${touched("o")}
  union all
  select 'pg_cast'::regclass, c.oid, 0, null, null, true, '', concat_ws(' ', c.castfunc::regprocedure, c.castcontext, c.castmethod)
    from pg_cast c where c.oid < ${firstUserOid} and ${touched("c")}`;

/** Rights on settings exist from PostgreSQL 15 on; all of them were given by somebody. */
const parameters = `
  select 'pg_parameter_acl'::regclass, a.oid, 10, 'p', a.paracl, true, '', '' from pg_parameter_acl a`;

const spelledOut = (acl: string, column: string) => `
  select case when a.grantee = 0 then '' else pg_get_userbyid(a.grantee) end as grantee,
         pg_get_userbyid(a.grantor) as grantor, a.privilege_type as privilege, ${column} as "column",
         a.is_grantable as grantable
    from aclexplode(${acl}) a`;

const asJson = (grants: string) =>
  `(select coalesce(json_agg(g order by g.column collate "C" nulls first, g.grantee collate "C", g.privilege collate "C"), '[]') from (${grants}) g)`;

const columnsOf = (row: string) => `${row} where o.class = 'pg_class'::regclass and b.attrelid = o.oid`;

/**
 * What PostgreSQL itself brings and somebody has changed since: other rights than initdb gave, or another definition.
 * What initdb gave stands in pg_init_privs, but for information_schema, which is made after these notes are taken.
 */
export function builtInsQuery(major: number): string {
  return `
  with untouched as materialized (
    select md5(string_agg(concat_ws('|', p.oid, p.proname, p.pronamespace, ${textOfFunction}), ',' order by p.oid))
             in (${functionsOfInit.map((hash) => `'${hash}'`).join(", ")}) as functions
      from pg_proc p join pg_language l on l.oid = p.prolang where p.oid < 10000),
  o as (
    select e.class, e.oid, e.owner, e.definition, coalesce(e.acl, acldefault(e.t, e.owner)) as acl,
           coalesce(i.initprivs, case when not e.touched then coalesce(e.acl, acldefault(e.t, e.owner)) end,
             acldefault(e.t, e.owner) || case when e.open <> '' then array[makeaclitem(0, e.owner, e.open, false)] end) as initial
      from (${everything}${major < 15 ? "" : ` union all ${parameters}`}) e
      left join pg_init_privs i on i.classoid = e.class and i.objoid = e.oid and i.objsubid = 0 and i.privtype = 'i')
  select f.type as kind, f.identity, f.schema, o.class::oid::int8::text as "classId", o.oid::int8::text as oid,
         case when o.owner <> 0 then pg_get_userbyid(o.owner) end as owner, o.definition,
         null as comment, null as extension, false as listed,
         ${asJson(`${spelledOut("o.acl", "null")} union all select g.* from pg_attribute b cross join lateral (${spelledOut("b.attacl", "b.attname")}) g ${columnsOf("")}`)} as grants,
         ${asJson(`${spelledOut("o.initial", "null")} union all select g.* from pg_init_privs v join pg_attribute b on b.attrelid = v.objoid and b.attnum = v.objsubid cross join lateral (${spelledOut("v.initprivs", "b.attname")}) g ${columnsOf("")} and v.classoid = 'pg_class'::regclass and v.privtype = 'i'`)} as initial
    from o
   cross join lateral pg_identify_object(o.class, o.oid, 0) f
   where o.definition <> '' or not (o.acl <@ o.initial and o.initial <@ o.acl)
      or (o.class = 'pg_class'::regclass and exists (
           select from pg_attribute b
             left join pg_init_privs v on v.classoid = 'pg_class'::regclass and v.objoid = b.attrelid
                  and v.objsubid = b.attnum and v.privtype = 'i'
            where b.attrelid = o.oid and b.attacl is distinct from v.initprivs))`;
}

«# What a new database or project would not have.»
«session.sql»
select oid::regclass from pg_class c
 where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relpersistence <> 't' and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
   and relnamespace::regnamespace::text not in («managedSchemas»)
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 limit 1;

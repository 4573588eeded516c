«# Says which tables' rows the target can take, by the OIDs that the dumps know them by.»
«take-inventory.sql»
«session.sql»
create temp table wanted as
  select t ->> 'oid' as oid, format('%I.%I', t ->> 'schema', t ->> 'name') as name,
         to_regclass(format('%I.%I', t ->> 'schema', t ->> 'name')) as rel, t -> 'columns' as columns
    from pg_temp.inventory, json_array_elements(document::json -> 'tables') t where not «secrets-of-inventory.sql»;
create temp table loadable as
  select oid from wanted w where w.rel is not null and has_table_privilege(w.rel, 'insert')
     and not (name in («staying») and not (select rolsuper from pg_roles where rolname = current_user))
     and not (name = 'cron.job' and exists (select from pg_extension where extname = 'pg_cron'))
     and not (name in («oneTimeTables») and exists (select from wanted s where s.name = 'auth.schema_migrations'))
     and not exists (select from json_array_elements_text(columns) c where not exists (select from pg_attribute a
       where a.attrelid = w.rel and a.attname = c and not a.attisdropped and a.attgenerated = ''));
\copy loadable to 'loadable'
\copy (select oid from wanted where name = 'cron.job' and exists (select from pg_extension where extname = 'pg_cron')) to 'jobs.oid'

«# Says which tables' rows are in which artifact, under which statement, and which table of the target takes them.»
«take-inventory.sql»
«session.sql»
create temp table wanted as
  select t ->> 'oid' as oid, format('%I.%I', t ->> 'schema', t ->> 'name') as name, t -> 'columns' as columns, t -> 'parts' as parts,
         format('"%s"."%s"', replace(t ->> 'schema', '"', '""'), replace(t ->> 'name', '"', '""')) as quoted,
         to_regclass(format('%I.%I', t ->> 'schema', t ->> 'name')) as rel
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
\copy (select oid from wanted where name = 'pgmq.meta' and exists (select from pg_extension where extname = 'pgmq')) to 'queues.oid'
create temp table family as
  select w.*, «hash-root.sql» as root from wanted w where oid in (select oid from loadable);
-- Rows of such partitions go in through the table above them; the set knows enums alone.
create temp table blocks as
  select p ->> 'artifact' as artifact, oid, w.quoted,
         (select ' (' || string_agg('"' || replace(c, '"', '""') || '"', ', ' order by place) || ')'
            from json_array_elements_text(w.columns) with ordinality n (c, place)) as list, coalesce(f.root, f.rel) as taker
    from wanted w left join family f using (oid), json_array_elements(w.parts) p;
\copy (select artifact, oid, quoted, coalesce(list, ''), coalesce(taker::text, '') from blocks) to 'blocks'
-- A hash tells the order of columns. Where partitions differ in it, the proof hashes the rows again, all in that of the first.
create temp table mixed as
  select root, (array_agg(columns order by oid))[1] as columns, string_agg(oid, ' ' order by oid) as oids
    from family where root is not null group by root having count(distinct columns::text) > 1;
\copy (select root, (select string_agg(quote_ident(c), ', ' order by place) from json_array_elements_text(columns) with ordinality n (c, place)), oids from mixed) to 'mixed' with (format csv, delimiter E'\x02', quote E'\x01')

«# Looks for every object, and counts and hashes every table as postgres/rows/fingerprint does. Prints a line for each thing
that is not there or not as it was; nothing when all is.»
«take-inventory.sql»
«pins»
set row_security = off;
«objects.sql»
create temp table loadable (oid text);
\copy loadable from 'loadable'
create temp table lost (place int generated always as identity, what text);
-- A project keeps these itself, and what is good for one time stays in the set.
create temp table kept as select unnest(array[«staying», «oneTimeTables»]) as name
 where not (select rolsuper from pg_roles where rolname = current_user)
    or exists (select from pg_temp.inventory, json_array_elements(document::json -> 'tables') t
                where t ->> 'schema' = 'auth' and t ->> 'name' = 'schema_migrations');
insert into lost (what)
  select case when kind = 'extension' and trim(both '"' from identity) not in (select name from pg_available_extensions)
              then format('extension %s: this server does not have it', identity) else kind || ' ' || identity end
    from object o
   where (listed and not platform or kind = 'extension'
          or extension is not null and kind in ('policy', 'trigger', 'rule', 'index', 'table constraint')
             and exists (select from pg_extension x where x.extname = o.extension))
     and kind not in ('database', 'large object', 'default acl')
     and not exists (select from there t where t.kind = o.kind and t.identity = o.identity)
   order by kind, identity;
insert into lost (what)
  select format('owner of %s %s: %s here, %s at the backup', kind, identity, pg_get_userbyid(relowner), owner)
    from object o join pg_class c
      on c.oid = to_regclass(case when kind in ('table', 'view', 'materialized view', 'sequence', 'foreign table') then identity end)
   where not platform
     and owner !~ '^supabase_' and owner <> pg_get_userbyid(relowner);
insert into lost (what)
  select 'row level security of ' || identity
    from object o join pg_class c on c.oid = to_regclass(case kind when 'table' then identity end)
   where not relrowsecurity and 'row level security' = any (string_to_array(definition, E'\n'));
insert into lost (what)
  select format('rows of materialized view %I.%I', v ->> 'schema', v ->> 'name')
    from pg_temp.inventory, json_array_elements(document::json -> 'materializedViews') v
   where (v ->> 'populated')::boolean
     and exists (select from pg_class where oid = to_regclass(format('%I.%I', v ->> 'schema', v ->> 'name')) and not relispopulated);
insert into lost (what)
  select 'large object ' || (l ->> 'oid') from pg_temp.inventory, json_array_elements(document::json -> 'largeObjects') l
   where not exists (select from pg_largeobject_metadata m where m.oid::text = l ->> 'oid');
create temp table again (oids text, rows text, hash text);
\copy again from 'again'
create temp table content as
  select t ->> 'oid' as oid, format('%I.%I', t ->> 'schema', t ->> 'name') as called, t -> 'columns' as columns, coalesce(t ->> 'filter', '') as filter,
         (t #>> '{fingerprint,rows}')::numeric as rows, (t #>> '{fingerprint,hash}')::numeric as hash, t -> 'generated' as generated,
         t ->> 'oid' in (select oid from loadable) as loaded, to_regclass(format('%I.%I', t ->> 'schema', t ->> 'name')) as rel, place
    from pg_temp.inventory, json_array_elements(document::json -> 'tables') with ordinality n (t, place)
   where not «secrets-of-inventory.sql»;
delete from content where called in (select name from kept) or called ~ '^realtime.messages_'
   or called = 'cron.job' and exists (select from pg_extension where extname = 'pg_cron');
do $$
declare
  content record;
  columns text;
  one record;
  found record;
  equal int := 0;
begin
  -- Partitions among which rows may have moved are compared as one, over the table above them: a fingerprint is a sum.
  for content in
    select c.called, c.alone, c.filter, c.loaded, c.tables, c.oids, c.rows,
           coalesce(a.hash, c.hash) as hash, c.columns, c.generated
      from (select coalesce(root::text, called) as called, root is null as alone, s.filter, loaded, count(*) as tables,
                   string_agg(oid, ' ' order by oid) as oids, sum(rows)::text as rows,
                   case when count(hash) = count(*) then sum(hash)::text end as hash,
                   (array_agg(s.columns order by oid))[1] as columns, array_agg(generated) as generated, min(place) as place
              from (select *, case when loaded then «hash-root.sql» end as root from pg_temp.content) s
             group by 1, 2, 3, 4) c
      left join pg_temp.again a on a.oids = c.oids and a.rows = c.rows
     order by c.place
  loop
    if content.hash is null then
      insert into lost (what) values (format('rows of %s: nothing to compare them with in the set', content.called));
      continue;
    end if;
    if not content.loaded then
      if content.rows <> '0' then
        insert into lost (what) values (format('rows of %s: %s at the backup; rows_of %s prints them', content.called, content.rows, content.oids));
      end if;
      continue;
    end if;
    select coalesce(string_agg(quote_ident(c), ', ' order by place), '') into columns
      from json_array_elements_text(content.columns) with ordinality as named(c, place);
    begin
      execute format(
        'select count(*)::text as rows, coalesce(sum(hashtextextended(row(%s)::text collate "C", 0)), 0)::text as hash
           from %s %s %s', columns, case when content.alone then 'only' end, content.called, content.filter) into found;
      if found.rows = content.rows and found.hash = content.hash then
        equal := equal + content.tables;
      else
        insert into lost (what) values (format('rows of %s: %s here, %s at the backup; rows_of %s prints them', content.called, found.rows, content.rows, content.oids));
      end if;
      for one in select c ->> 'name' as name, case when count(c ->> 'hash') = count(*) then sum((c ->> 'hash')::numeric)::text end as hash,
                        (select string_agg(quote_ident(k), ', ' order by place) from json_array_elements_text(content.generated[1] -> 'key') with ordinality as named(k, place)) as key
                   from unnest(content.generated) g, json_array_elements(g -> 'columns') c group by 1
      loop
        execute format('select coalesce(sum(hashtextextended(row(%s)::text collate "C", 0)), 0)::text as hash from %s %s %s',
          concat_ws(', ', one.key, quote_ident(one.name)), case when content.alone then 'only' end, content.called, content.filter) into found;
        if one.hash is distinct from found.hash then
          insert into lost (what) values (format('values of generated column %s.%I: computed anew they are others', content.called, one.name));
        end if;
      end loop;
    exception when others then
      insert into lost (what) values (format('rows of %s: they cannot be compared (%s)', content.called, sqlstate));
    end;
  end loop;
  raise notice '% tables hold exactly the rows that they held at the backup', equal;
end $$;
\pset tuples_only on
\pset format unaligned
select what from lost order by place;

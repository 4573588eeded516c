«# Computes the materialised views that were populated at the source. One that reads another which has no rows yet fails with
SQLSTATE 55000 and has its turn in a later round.»
«take-inventory.sql»
«session.sql»
do $$
declare
  view record;
  one text;
  statement text;
  waiting int;
  before int := -1;
begin
  -- Large objects come with their bytes alone. Rights come first: who gives one away may grant nothing of it any more.
  for statement in
    select format('grant %s on large object %s to %s%s', g ->> 'privilege', (o ->> 'identity')::oid,
                  case g ->> 'grantee' when '' then 'public' else quote_ident(g ->> 'grantee') end,
                  case when (g ->> 'grantable')::boolean then ' with grant option' else '' end)
      from pg_temp.inventory, json_array_elements(document::json -> 'objects') o,
           json_array_elements(case json_typeof(o -> 'grants') when 'array' then o -> 'grants' end) g
     where o ->> 'kind' = 'large object' and g ->> 'privilege' in ('SELECT', 'UPDATE')
    union all
    select unnest(array[format('comment on large object %s is %L', (o ->> 'identity')::oid, o ->> 'comment'),
                        format('alter large object %s owner to %I', (o ->> 'identity')::oid, o ->> 'owner')])
      from pg_temp.inventory, json_array_elements(document::json -> 'objects') o where o ->> 'kind' = 'large object'
  loop
    begin
      execute statement;
    exception when others then
      raise warning 'refused (%): %', sqlstate, left(statement, 60);
    end;
  end loop;
  -- No dump knows what people have set on an extension's own tables.
  for one in
    select to_regclass(case when o ->> 'kind' = 'table' and o ->> 'extension' is not null
                             and 'row level security' = any (string_to_array(o ->> 'definition', E'\n')) then o ->> 'identity' end)
      from pg_temp.inventory, json_array_elements(document::json -> 'objects') o
  loop
    continue when one is null;
    begin
      execute format('alter table %s enable row level security', one);
    exception when others then null; -- the proof names it
    end;
  end loop;
  loop
    waiting := 0;
    for view in
      select v ->> 'schema' as schema, v ->> 'name' as name
        from pg_temp.inventory, json_array_elements(document::json -> 'materializedViews') v
       where (v ->> 'populated')::boolean
         and (select not relispopulated from pg_class where oid = to_regclass(format('%I.%I', v ->> 'schema', v ->> 'name')))
    loop
      begin
        execute format('refresh materialized view %I.%I', view.schema, view.name);
      exception when object_not_in_prerequisite_state then
        waiting := waiting + 1;
      when others then
        raise warning 'materialised view %.% cannot be computed (%)', view.schema, view.name, sqlstate;
      end;
    end loop;
    exit when waiting = 0;
    exit when waiting = before; -- the proof names them
    before := waiting;
  end loop;
end $$;

«# Computes the materialised views anew that are filled: they hold copies of rows that were taken out.»
«session.sql»
do $$
declare
  view record;
begin
  for view in select oid::regclass as name from pg_class where relkind = 'm' and relispopulated
  loop
    begin
      execute format('refresh materialized view %s', view.name);
    exception when others then raise warning 'materialised view % holds what it held (%)', view.name, sqlstate;
    end;
  end loop;
end $$;

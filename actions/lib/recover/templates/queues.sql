«# Makes the queues of pgmq by its own functions, which also list them: the list that comes is the source's.»
do $$
declare one record;
begin
  for one in select queue_name, case when is_partitioned then 'create_partitioned' when is_unlogged then 'create_unlogged' else 'create' end as how
               from pg_temp.made order by queue_name collate "C" loop
    begin
      execute format('select pgmq.%I(%L)', one.how, one.queue_name);
    exception when others then
      raise warning 'queue % is not made (%)', one.queue_name, sqlstate;
    end;
  end loop;
end $$;
delete from pgmq.meta;

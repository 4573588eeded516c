«# Makes the cron jobs anew by pg_cron's own functions, each as the role that it ran as, and switched off. Takes them from the
table `made`; prints a line for each that could not be made.»
create temp table lost (what text);
do $$
declare
  one record;
  id bigint;
  how text;
begin
  for one in select * from pg_temp.made order by jobid loop
    begin
      if one.username <> current_user then execute format('set local role %I', one.username); end if;
      if one.jobname is null then
        execute 'select cron.schedule($1, $2)' into id using one.schedule, one.command;
      else
        execute 'select cron.schedule($1, $2, $3)' into id using one.jobname, one.schedule, one.command;
      end if;
      how := case one.database when «database» then current_database() else one.database end;
      execute 'select cron.alter_job(job_id := $1, database := $2, active := false)' using id, how;
      reset role;
    exception when others then
      insert into pg_temp.lost values (format('cron job %s of %s (%s)', coalesce(one.jobname, one.jobid::text), one.username, sqlstate));
    end;
  end loop;
end $$;
copy (select what from pg_temp.lost) to stdout;

-- A row a minute, by which a recovery shows from inside to which moment a database has gone back. Run as `postgres`, with
-- `lifeboat sentinels install`, in the SQL editor or with psql; running it again changes nothing. Needs the extension pg_cron.
-- `lifeboat sentinels remove` takes all of it out again. It reads and changes nothing of yours: about 43,000 small rows are
-- kept, for 30 days, the longest time that Supabase's point-in-time recovery goes back.

create schema if not exists lifeboat;

-- `timeline` is the server's when the row was written: a recovery to a point in time begins a new one, a restart does not.
create table if not exists lifeboat.sentinels (
  at timestamptz primary key,
  timeline int not null
);
-- What the job does is done as postgres: nobody else may have made any of it before, or hung a trigger on it.
do $$ begin
  if exists (select from pg_catalog.pg_namespace n where n.nspname = 'lifeboat' and (n.nspowner <> current_user::regrole
       or exists (select from pg_catalog.aclexplode(n.nspacl) a where a.privilege_type = 'CREATE' and a.grantee <> n.nspowner)))
  or exists (select from pg_catalog.pg_proc p where p.pronamespace = 'lifeboat'::regnamespace and p.proname = 'write_sentinel'
       and (p.proowner <> current_user::regrole or p.pronargs > 0))
  or exists (select from pg_catalog.pg_class c where c.oid = 'lifeboat.sentinels'::regclass
       and (c.relkind <> 'r' or c.relowner <> current_user::regrole
         or exists (select from pg_catalog.aclexplode(c.relacl) a where a.privilege_type = 'TRIGGER' and a.grantee <> c.relowner)
         or exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid)
         or exists (select from pg_catalog.pg_rewrite r where r.ev_class = c.oid)
         or exists (select from pg_catalog.pg_policy y where y.polrelid = c.oid)
         or exists (select from pg_catalog.pg_inherits i where c.oid in (i.inhparent, i.inhrelid))))
  then raise exception 'the schema lifeboat, or what lies in it under our names, is not ours alone' using errcode = 'LB001';
  end if;
end $$;
comment on schema lifeboat is 'Lifeboat''s own: runbooks/sql/sentinels.sql';
revoke all on schema lifeboat from public;

-- Without a policy: the Data API shows them to nobody.
alter table lifeboat.sentinels enable row level security;

create or replace function lifeboat.write_sentinel() returns void
language plpgsql set search_path = pg_catalog as $$
begin
  insert into lifeboat.sentinels (at, timeline)
  values (now(), ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int)
  on conflict do nothing;
  delete from lifeboat.sentinels where at < now() - interval '30 days';
  -- pg_cron notes each run and forgets none: of our own job a day is enough.
  delete from cron.job_run_details d using cron.job j
   where j.jobname = 'lifeboat-sentinel' and d.jobid = j.jobid and d.start_time < now() - interval '1 day';
end
$$;
revoke all on function lifeboat.write_sentinel() from public;

-- Now, so that one is there at once; and then every minute, under one name: a second call changes the same job, and switches on one
-- that came back from a backup switched off.
select lifeboat.write_sentinel();
select cron.alter_job(
  job_id := cron.schedule('lifeboat-sentinel', '* * * * *', 'select lifeboat.write_sentinel()'), active := true);

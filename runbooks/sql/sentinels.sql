-- A row a minute, by which a recovery shows from inside to which moment a database has gone back. Run as `postgres`, with
-- `lifeboat sentinels install`, in the SQL editor or with psql; running it again changes nothing. Needs the extension pg_cron.
-- `lifeboat sentinels remove` takes all of it out again. It reads and changes nothing of yours: about 43,000 small rows are
-- kept, for 30 days, the longest time that Supabase's point-in-time recovery goes back.

create schema if not exists lifeboat;
comment on schema lifeboat is 'Lifeboat''s own: runbooks/sql/sentinels.sql';
revoke all on schema lifeboat from public;

-- `timeline` is the server's when the row was written: a recovery to a point in time begins a new one, a restart does not.
create table if not exists lifeboat.sentinels (
  at timestamptz primary key,
  timeline int not null
);
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

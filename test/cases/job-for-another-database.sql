-- A job that runs in a database of its own, which the target does not have: it is named, with what makes it.
-- kind: supabase
-- alone: yes
-- fails: cron job nightly-totals of postgres: rows: could not be made \[3D000, it runs in database month's ends, which is not here; `create database "month's ends";`, then restore again\]
-- @as postgres
select cron.schedule('nightly-totals', '5 2 * * *', 'select 1');
select cron.schedule('hourly-totals', '5 * * * *', 'select 2');
-- @as superuser
update cron.job set database = 'month''s ends' where jobname = 'nightly-totals';

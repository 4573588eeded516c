-- report: citusdata/pg_cron#390, supabase/pg-toolbelt#320: jobs of one name for two roles, without a name, asleep
-- query: select string_agg(concat_ws('|', coalesce(jobname, '-'), schedule, command, database, username), E'\n' order by schedule) from cron.job where command like '%cron_jobs%'
-- @as postgres
create schema cron_jobs;
create function cron_jobs.tidy() returns void language sql as 'select';
select cron.schedule('tidy up', '11 3 * * *', 'select cron_jobs.tidy()');
select cron.schedule('with "quotes" and é', '12 3 * * *', E'select ''cron_jobs\\b'';\n--\ttab');
-- @as superuser
insert into cron.job (schedule, command, username, jobname) values ('13 3 * * *', 'select cron_jobs.tidy() /* theirs */', 'authenticated', 'tidy up');
insert into cron.job (schedule, command, username, jobname) values ('14 3 * * *', 'select 1 /* cron_jobs */', 'postgres', null);
insert into cron.job (schedule, command, username, jobname) values ('15 3 * * *', 'select 1 /* cron_jobs */', 'postgres', null);
insert into cron.job (schedule, command, username, jobname, active) values ('16 3 * * *', 'select 2 /* cron_jobs */', 'service_role', 'asleep', false);

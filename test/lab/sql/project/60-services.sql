-- cron-like, net-like and webhook schemas. `postgres` reads cron.job and fills it only through cron.schedule():
-- supabase/postgres 20231020085357 and 20260730000000.
create schema cron authorization supabase_admin;
grant usage on schema cron to postgres with grant option;
alter default privileges for role supabase_admin in schema cron grant all on tables to postgres with grant option;
alter default privileges for role supabase_admin in schema cron grant all on functions to postgres with grant option;
alter default privileges for role supabase_admin in schema cron grant all on sequences to postgres with grant option;
set role supabase_admin;
create sequence cron.jobid_seq;
create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default 5432,
  -- Every Supabase project's database is called so; the lab's cannot be, and jobs should compare all the same.
  database text not null default 'postgres',
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
create sequence cron.runid_seq;
create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);
grant select on cron.job to public;
grant select, delete on cron.job_run_details to public;
-- pg_cron's functions act for the current role (GetUserId, src/job_metadata.c), write cron.job as its owner, and let only a
-- superuser give a job to another role.
create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql security definer set search_path = '' as $$
  insert into cron.job (jobname, schedule, command, username) values (job_name, schedule, command, coalesce(nullif(current_setting('role'), 'none'), session_user::text))
  on conflict (jobname, username) do update set schedule = excluded.schedule, command = excluded.command returning jobid
$$;
create function cron.schedule(schedule text, command text) returns bigint
language sql security definer set search_path = '' as $$
  insert into cron.job (schedule, command, username) values (schedule, command, coalesce(nullif(current_setting('role'), 'none'), session_user::text)) returning jobid
$$;
create function cron.unschedule(job_name text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  delete from cron.job where jobname = job_name and username = coalesce(nullif(current_setting('role'), 'none'), session_user::text);
  return found;
end
$$;
create function cron.unschedule(job_id bigint) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  delete from cron.job where jobid = job_id and username = coalesce(nullif(current_setting('role'), 'none'), session_user::text);
  return found;
end
$$;
create function cron.alter_job(job_id bigint, schedule text default null, command text default null, database text default null, username text default null, active boolean default null)
returns void language plpgsql security definer set search_path = '' as $$
begin
  if username is not null then
    raise exception 'must be superuser to alter username';
  end if;
  if database is not null and not exists (select from pg_catalog.pg_database d where d.datname = alter_job.database) then
    raise exception 'database "%" does not exist', database using errcode = '3D000';
  end if;
  update cron.job as kept
  set schedule = coalesce(alter_job.schedule, kept.schedule), command = coalesce(alter_job.command, kept.command),
      database = coalesce(alter_job.database, kept.database), active = coalesce(alter_job.active, kept.active)
  where kept.jobid = job_id and kept.username = coalesce(nullif(current_setting('role'), 'none'), session_user::text);
end
$$;
revoke all on function cron.alter_job from public;
grant all on function cron.alter_job to postgres with grant option;
revoke all on cron.job from postgres;
grant select on cron.job to postgres with grant option;
revoke trigger on cron.job_run_details from postgres;
revoke all on sequence cron.jobid_seq from postgres;
reset role;

-- pg_net (supabase/pg_net, sql/pg_net.sql): requests wait in a table that everybody may write, where a background worker
-- takes them from. Here they stay: whatever is in the queue would have been sent.
create schema net authorization supabase_admin;
grant usage on schema net to public, supabase_functions_admin, postgres, anon, authenticated, service_role;
set role supabase_admin;
create domain net.http_method as text check (value ilike 'get' or value ilike 'post' or value ilike 'delete');
create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
create unlogged table net.http_request_queue (
  id bigserial, method net.http_method not null, url text not null, headers jsonb, body bytea,
  timeout_milliseconds integer not null
);
create unlogged table net._http_response (
  id bigint, status_code integer, content_type text, headers jsonb, content text, timed_out boolean, error_msg text,
  created timestamptz not null default now()
);
create index on net._http_response (created);
create function net.http_get(url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds integer default 5000)
returns bigint language plpgsql as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values ('GET', url, headers, timeout_milliseconds) returning id into request_id;
  return request_id;
end
$$;
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000)
returns bigint language plpgsql as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values ('POST', url, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds) returning id into request_id;
  return request_id;
end
$$;
grant all on all tables in schema net to public;
grant all on all sequences in schema net to public;
reset role;

create schema supabase_functions authorization supabase_admin;
grant usage on schema supabase_functions to postgres, anon, authenticated, service_role;
grant all on schema supabase_functions to supabase_functions_admin;
alter default privileges for role supabase_admin in schema supabase_functions grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema supabase_functions grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema supabase_functions grant all on sequences to postgres, anon, authenticated, service_role;
set role supabase_admin;
create table supabase_functions.migrations (version text primary key, inserted_at timestamptz not null default now());
insert into supabase_functions.migrations values ('initial', '2026-01-01'), ('20210809183423_update_grants', '2026-01-01');
create table supabase_functions.hooks (
  id bigserial primary key, hook_table_id integer not null, hook_name text not null,
  created_at timestamptz not null default now(), request_id bigint
);
comment on table supabase_functions.hooks is 'Supabase Functions Hooks: Audit trail for triggered hooks.';
create function supabase_functions.http_request() returns trigger
language plpgsql security definer set search_path = supabase_functions as $$
declare
  request bigint;
begin
  request := net.http_post(url := tg_argv[0], body := jsonb_build_object(
    'type', tg_op, 'table', tg_table_name, 'schema', tg_table_schema, 'record', to_jsonb(new)));
  insert into supabase_functions.hooks (hook_table_id, hook_name, request_id) values (tg_relid::bigint::integer, tg_name, request);
  return new;
end
$$;
alter table supabase_functions.migrations owner to supabase_functions_admin;
alter table supabase_functions.hooks owner to supabase_functions_admin;
alter function supabase_functions.http_request() owner to supabase_functions_admin;
revoke all on function supabase_functions.http_request() from public;
grant execute on function supabase_functions.http_request() to postgres, anon, authenticated, service_role;
reset role;

-- A model of pgmq 1.4.4 (pgmq/pgmq): which tables there are, whose they are and what belongs to the extension. Supabase
-- hands everything to postgres after the creation (supabase/postgres, pgmq/after-create.sql).
create table pgmq.meta (
  queue_name varchar unique not null,
  is_partitioned boolean not null,
  is_unlogged boolean not null,
  created_at timestamptz not null default now()
);
alter table pgmq.meta owner to @extowner@;

create function pgmq.make(queue_name text, persistence text) returns void language plpgsql as $$
declare
  waiting text := lower('q_' || queue_name);
  archived text := lower('a_' || queue_name);
begin
  execute format('create %s table if not exists pgmq.%I (msg_id bigint primary key generated always as identity,
    read_ct int not null default 0, enqueued_at timestamptz not null default now(), vt timestamptz not null, message jsonb)',
    persistence, waiting);
  execute format('create table if not exists pgmq.%I (msg_id bigint primary key, read_ct int not null default 0,
    enqueued_at timestamptz not null default now(), archived_at timestamptz not null default now(), vt timestamptz not null,
    message jsonb)', archived);
  execute format('alter extension pgmq add table pgmq.%I', waiting);
  execute format('alter extension pgmq add table pgmq.%I', archived);
  execute format('create index if not exists %I on pgmq.%I (vt)', waiting || '_vt_idx', waiting);
  insert into pgmq.meta values (queue_name, false, persistence = 'unlogged') on conflict do nothing;
end $$;

create function pgmq.create(queue_name text) returns void language sql as $$ select pgmq.make(queue_name, '') $$;
create function pgmq.create_unlogged(queue_name text) returns void language sql as $$ select pgmq.make(queue_name, 'unlogged') $$;

create function pgmq.send(queue_name text, msg jsonb) returns bigint language plpgsql as $$
declare id bigint;
begin
  execute format('insert into pgmq.%I (vt, message) values (now(), $1) returning msg_id', lower('q_' || queue_name)) into id using msg;
  return id;
end $$;
